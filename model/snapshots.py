"""Snapshots: checkpoints within an epoch that a person may choose among."""


def snapshot_steps(
    posts: int, batch: int, per_epoch: int | None, released: bool = False
) -> frozenset[int]:
    """The steps of an epoch after which a snapshot is taken.

    At even shares of the epoch, the last at its end. The released code takes them after the first
    batch of each share instead, the very first batch of an epoch included; see `released_starts`.

    Args:
        posts: of the epoch.
        batch: posts per step, over all replicas.
        per_epoch: how many shares; None for no snapshots.
        released: take them as the released code does.
    """
    if not per_epoch:
        return frozenset()
    if released:
        return frozenset(start // batch + 1 for start in released_starts(posts, batch, per_epoch))
    steps = -(-posts // batch)
    return frozenset(max(1, round(steps * share / per_epoch)) for share in range(1, per_epoch + 1))


def released_starts(posts: int, batch: int, per_epoch: int) -> range:
    """Where in an epoch the batches begin after which the released code saves.

    Of 145,000 sentences in 5 shares, batches of 100: 0, 29,000, 58,000 and 87,000. Shares are whole
    batches, and the last one has none.
    """
    share = max(posts // per_epoch // batch, 1) * batch
    return range(0, posts - share, share)
