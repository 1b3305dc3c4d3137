"""The loop with storage that is slow by a clock of the test's own."""

from types import SimpleNamespace

from tests.model.test_trainer import make_trainer
from utils.waiting import DataWait


class Slow:
    """Batches of which each takes ten seconds to come."""

    def __init__(self, batches, clock):
        self.batches, self.clock, self.element_spec = batches, clock, batches.element_spec

    def __iter__(self):
        for batch in self.batches:
            self.clock.now += 10
            yield batch


def test_a_run_that_waits_for_data_says_so_once(capsys):
    trainer, clock = make_trainer(epochs=4, report_every=1), SimpleNamespace(now=0.0)
    trainer._data_wait = DataWait(lambda: clock.now)
    make = trainer.feed.training
    trainer.feed = trainer.feed._replace(training=lambda *at: Slow(make(*at), clock))
    assert trainer.run()
    lines = [line for line in capsys.readouterr().out.splitlines() if "waits for data" in line]
    assert lines == [lines[0]] and "waits for data 100% of its time (10 of 10 s)" in lines[0]


def test_a_run_that_reads_from_memory_says_nothing(capsys):
    assert make_trainer(epochs=4, report_every=1).run()
    assert "waits for data" not in capsys.readouterr().out
