"""Hand-made files in the layout of Flickr30k Entities."""

from pathlib import Path


def boxed(names: str, left: int, top: int, right: int, bottom: int) -> str:
    """An object with a box, of these chains: `boxed("7 9", 1, 1, 10, 20)`."""
    edges = {"xmin": left, "ymin": top, "xmax": right, "ymax": bottom}
    inside = "".join(f"<{edge}>{value}</{edge}>" for edge, value in edges.items())
    chains = "".join(f"<name>{name}</name>" for name in names.split())
    return f"<object>{chains}<bndbox>{inside}</bndbox></object>"


def annotation(width: object, height: object, *objects: str) -> str:
    """An XML file of a picture and its objects."""
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation><filename>5.jpg</filename>{size}{''.join(objects)}</annotation>"


def write_entities(
    folder: Path, name: str, sentences: str | bytes | None, xml: str | bytes | None
) -> None:
    """Writes the files of a picture; of None, no file."""
    for part, ending, text in (("Sentences", "txt", sentences), ("Annotations", "xml", xml)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        if text is not None:
            data = text if isinstance(text, bytes) else text.encode()
            (folder / part / f"{name}.{ending}").write_bytes(data)
