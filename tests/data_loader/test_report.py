"""The numbers of Table 1, from counts that add up."""

import statistics as python_statistics

from hypothesis import given
from hypothesis import strategies as st

from data_loader.filters import Post
from data_loader.report import Tally, statistics

POSTS = st.lists(
    st.builds(
        lambda user, length: Post(user, "1", "", 0, "", length),
        st.sampled_from("abcde"),
        st.integers(0, 9),
    )
)


@given(posts=POSTS)
def test_means_and_medians_are_those_of_the_standard_library(posts):
    found = statistics(posts)
    lengths = [post.length for post in posts] or [0]
    users = {post.user for post in posts}
    per_user = [sum(post.user == user for post in posts) for user in users] or [0]
    assert (found["posts"], found["users"]) == (len(posts), len(users))
    for name, values in (("words_per_post", lengths), ("posts_per_user", per_user)):
        for kind, function in (("average", "mean"), ("median", "median")):
            expected = getattr(python_statistics, function)(values)
            assert repr(found[f"{name}_{kind}"]) == repr(expected)  # 3 is not 3.0 in a report


@given(posts=POSTS)
def test_tallies_of_different_users_add_up(posts):
    total = Tally()
    for user in "abcde":
        total.add(Tally.of([post for post in posts if post.user == user]))
    assert total == Tally.of(posts)
