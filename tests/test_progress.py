"""Progress as a terminal, a notebook and a pipe show it."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from scratchgan import Adam, Linear, Network, Noise, Trainer
from scratchgan.progress import Progress, Tally


@pytest.fixture
def game():
    G, D = (Network(Linear(1, 1), seed=s, backend="reference") for s in (0, 1))
    x = np.ones((8, 1), np.float32)
    return Trainer(
        G, D, x, noise=Noise(1), optimizer_g=Adam(), optimizer_d=Adam(), batch_size=8, log_every=1
    )


def play(game, steps, start=0):
    with Progress(steps, start) as progress:
        for _ in range(start, steps):
            game.step()
            progress(game)


def test_lines(game, capsys):
    """The first and every tenth part of the run, once each."""
    play(game, 40)
    said = capsys.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert [int(line.split("/")[0]) for line in lines] == [
        1, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40,
    ]  # fmt: skip
    assert all(" / 40  V " in line and "D(x) " in line for line in lines)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_in_a_terminal(game, monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    play(game, 30)
    said = terminal.getvalue()
    assert capsys.readouterr().out == ""
    assert "100%" in said
    assert "30/30" in said
    assert "V " in said
    assert said.endswith("\n")


def test_a_bar_that_goes_on(game, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    game.train(20)
    play(game, 30, start=20)
    first = terminal.getvalue().split("\r")[1]
    assert "20/30" in first


class Cell:
    """What IPython is to a program in a notebook: one display, which is shown and then updated."""

    def __init__(self):
        self.texts, self.shown = [], 0
        self.display = SimpleNamespace(display=self.show)

    def get_ipython(self):
        return SimpleNamespace(config={"IPKernelApp": {}})

    def show(self, data, raw, display_id):
        assert (raw, display_id) == (True, True)
        self.shown += 1
        self.update(data, raw)
        return self

    def update(self, data, raw):
        (text,) = data.values()
        self.texts.append(text)


def test_one_display_in_a_notebook(game, monkeypatch, capsys):
    cell = Cell()
    monkeypatch.setitem(sys.modules, "IPython", cell)
    monkeypatch.setitem(sys.modules, "IPython.display", cell.display)
    play(game, 30)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")
    assert cell.shown == 1
    assert cell.texts[0].startswith("0%")
    assert "30/30" in cell.texts[-1]
    assert "V " in cell.texts[-1]
    assert "█" in cell.texts[-1]
    assert not any("\r" in text or "\n" in text for text in cell.texts)


def test_in_a_shell_of_ipython_there_is_a_terminal(game, monkeypatch, capsys):
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(config={}))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    play(game, 2)
    assert "2 / 2" in capsys.readouterr().out


@pytest.mark.slow
def test_a_notebook_s_outputs():
    """As Jupyter runs it: one display, no widget, nothing on stderr."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    code = """
        import numpy as np, scratchgan as sg
        from scratchgan.progress import Progress
        G, D = (sg.Network(sg.Linear(1, 1), backend="reference") for _ in "GD")
        adam = sg.Adam()
        settings = dict(noise=sg.Noise(1), optimizer_g=adam, optimizer_d=adam, batch_size=8)
        game = sg.Trainer(G, D, np.ones((8, 1), np.float32), **settings)
        with Progress(50) as progress:
            game.call_every(5, progress)
            game.train(50)
        None
    """
    import textwrap

    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(textwrap.dedent(code))]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output.output_type == "display_data"
    assert list(output.data) == ["text/plain"]
    assert "50/50" in output.data["text/plain"]


def test_a_tally_in_lines(capsys):
    with Tally(12, 9) as tally:
        for what in "abc":
            tally.count(what)
    assert capsys.readouterr().out.splitlines() == ["10 / 12  a", "11 / 12  b", "12 / 12  c"]


def test_a_tally_in_a_bar(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Tally(3, 1, "training") as tally:
        tally.count("hinge")
        tally.count("minimax")
    assert "3/3" in terminal.getvalue()
    assert capsys.readouterr().out == ""
