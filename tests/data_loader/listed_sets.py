"""Small copies of the layouts of published data sets without users."""

import json
from pathlib import Path

from data_loader.build import build_view
from data_loader.build_options import BuildOptions
from data_loader.posts import Problems
from data_loader.view import open_view

SENTENCES = (
    "오늘 날씨가 정말 좋네요.",
    "경복궁에서 한복 입고 사진 찍었어요!",
    "제주도 바다는 언제 가도 예쁘다",
)


def kts_record(number, **fields):
    """One good record of KTS; fields override, and None takes one away."""
    good = {
        "img_name": str(number),
        "label": "beach",
        "likes": 7,
        "text": SENTENCES[number % 3],
        "hashtag": ["바다", "daily", f"태그{number % 4}"],
    }
    return {name: value for name, value in (good | fields).items() if value is not None}


def write_kts_class(folder: Path, records, encoding="utf-16", images="images"):
    """CLASS/CLASS.json and a folder for its images."""
    (folder / images).mkdir(parents=True)
    text = json.dumps(records, ensure_ascii=False)
    (folder / f"{folder.name}.json").write_bytes(text.encode(encoding))


def write_kts(root: Path):
    """Two classes in three subsets whose names vary as the published ones do."""
    for part, coarse, first, count in (
        ("train", "Nature-Scene", 0, 12),
        ("valid", "nature-scene", 70, 3),
        ("test", "nature-scene", 80, 4),
    ):
        records = [kts_record(number) for number in range(first, first + count)]
        write_kts_class(root / "kts" / part / coarse / "beach", records)
        park = root / "kts" / part / coarse.replace("ature-Scene", "ature-scene")
        write_kts_class(park / "amusement park", records[:-1], "utf-16-le", "Images")
    write_kts_class(root / "kts" / "total" / "nature-scene" / "beach", [kts_record(1)])
    return root


def write_lists(folder: Path, images, tags):
    """The two lists of HARRISON, with the blanks at line ends that its tags have."""
    folder.mkdir(exist_ok=True)
    (folder / "data_list.txt").write_text("".join(f"{image}\n" for image in images))
    (folder / "tag_list.txt").write_text("".join(f"{line} \n" for line in tags))
    return folder


def write_harrison(folder: Path, images=40):
    """Images of four folders, the two corrupt ones among them; an image has its folder's tag."""
    names = [
        f"instagram_dataset/{('sun', 'dog', 'sea', 'family')[n % 4]}/image_{n}.jpg"
        for n in range(images)
    ]
    names[8] = "instagram_dataset/sun/image_9.jpg"
    names[11] = "instagram_dataset/family/image_2411.jpg"
    tags = [f"love {name.split('/')[1]} tag{n % 3}" for n, name in enumerate(names)]
    return write_lists(folder, names, tags)


def flickr_captions(number):
    """Five captions of an image, all different."""
    return [f"A dog {number} runs{' fast' * which} ." for which in range(5)]


def write_flickr30k(folder: Path, train=6, val=2, test=3, extra=()):
    """The token file, with `extra` lines at its end, and the three lists."""
    folder.mkdir(exist_ok=True)
    images = [f"{1000 + n}.jpg" for n in range(train + val + test)]
    lines = [
        f"{name}#{which}\t{caption}"
        for n, name in enumerate(images)
        for which, caption in enumerate(flickr_captions(n))
    ]
    (folder / "results_20130124.token").write_text("\n".join([*lines, *extra]))
    ends = {"train": images[:train], "val": images[train : train + val], "test": images[-test:]}
    for name, part in ends.items():
        (folder / f"imgs_{name}.txt").write_text("\n".join(part))
    return folder


def write_coco(folder: Path, subset: str, images: int, first=0):
    """captions_SUBSET.json with two captions per image."""
    folder.mkdir(exist_ok=True)
    numbers = range(first, first + images)
    content = {
        "images": [{"id": n, "file_name": f"COCO_{subset}_{n:012}.jpg"} for n in numbers],
        "annotations": [
            {"image_id": n, "id": 10 * n + which, "caption": f"A cat {n} and {which} cups."}
            for which in range(2)
            for n in numbers
        ],
    }
    (folder / f"captions_{subset}.json").write_text(json.dumps(content))
    return folder


def write_msrvtt(folder: Path, train=4, val=2, test=3, **more):
    """The two JSON files, three sentences per video; `more` entries for the first one's lists."""
    folder.mkdir(exist_ok=True)
    subsets = ["train"] * train + ["validate"] * val + ["test"] * test
    names = [f"video{n}" for n in range(len(subsets))]
    files = {
        "train_val_videodatainfo.json": range(train + val),
        "test_videodatainfo.json": range(train + val, len(names)),
    }
    for file, numbers in files.items():
        content = {
            "info": {"year": "2016"},
            "videos": [{"video_id": names[n], "split": subsets[n], "id": n} for n in numbers],
            "sentences": [
                {"video_id": names[n], "caption": f"a man {which} drives car {n}", "sen_id": which}
                for which in range(3)
                for n in numbers
            ],
        }
        if file.startswith("train"):
            content = {
                name: part + more.get(name, []) for name, part in content.items() if name != "info"
            }
        (folder / file).write_text(json.dumps(content))
    return folder


def write_folder(folder: Path, lines, name="captions.tsv", absent=()):
    """Captions, a list of cells each, and an empty file for every picture that they name."""
    folder.mkdir(exist_ok=True)
    for file, *_ in lines:
        if file not in absent:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).touch()
    if name.endswith(".tsv"):
        text = ["\t".join(line) for line in lines]
    else:
        text = [
            json.dumps(dict(zip(("file", "caption", "split"), line, strict=False)))
            for line in lines
        ]
    (folder / name).write_text("\n".join(text) + "\n")
    return folder


def parse_all(source, folder, **where):
    """What a source makes of a folder, before words are cut: posts and problems."""
    posts, problems = [], Problems()
    for chunk in source.chunks(folder, "caption", **where):
        part, bad = source.parse(chunk, "caption")
        posts += part
        problems.merge(bad)
    return posts, problems


def build(source, folder, tmp_path, **options):
    """The view of a source, in the data root tmp_path/data."""
    options = {"jobs": 1, "out": tmp_path / "data"} | options
    path, _ = build_view(BuildOptions(source, folder, **options), show_progress=False)
    return open_view(options["out"], *path.name.split("-"))


def sizes(view):
    """Posts of each subset."""
    return {name: len(subset) for name, subset in view.subsets.items()}
