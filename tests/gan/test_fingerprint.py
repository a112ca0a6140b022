"""What can be seen of an object is compared; what cannot, is known by whether it is the same."""

import array
import ctypes
import enum
import functools
import itertools
import random
import sys
import textwrap
import types
from collections import OrderedDict, deque
from dataclasses import dataclass

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.games import Minimax
from scratchgan.gan import fingerprint as module
from scratchgan.gan.fingerprint import Same, difference, fingerprint
from scratchgan.nn import Layer, Linear, Maxout, Sequential, Tanh
from scratchgan.optim import SGD, Adam

GLOBAL = [1.0]
NUMBER = 1.0
RNG = np.random.default_rng(0)


class Box:
    """A user's object."""

    def __init__(self, value=None, **others):
        self.value = value
        vars(self).update(others)


class Slots:
    __slots__ = ("__private", "other", "value")

    def __init__(self, value):
        self.value = value
        self.__private = 1

    def hide(self, value):
        self.__private = value


class SlotsBelow(Slots):
    __slots__ = ("below",)


class OfClass:
    value = 1.0

    def read(self):
        return self.value


class Below(OfClass):
    pass


class OnProperty:
    @property
    def factor(self):
        return GLOBAL[0]

    @staticmethod
    def plain():
        return NUMBER

    @classmethod
    def of_class(cls):
        return GLOBAL


class MyFloat(float):
    pass


class MyList(list):
    pass


class Kind(enum.Enum):
    ONE = 1
    TWO = 2


@dataclass(frozen=True)
class Frozen:
    rate: float


def reads_global():
    return helper() + GLOBAL[0]


def helper():
    return NUMBER


def reads_module():
    return sys.modules and random.random() + np.random.rand()  # noqa: NPY002


def reads_attribute():
    return SETTINGS.inner.factor


SETTINGS = types.ModuleType("settings_of_a_user")
SETTINGS.inner = types.ModuleType("settings_of_a_user.inner")
SETTINGS.inner.factor = 1.0
SETTINGS.inner.unread = 1.0


def closure():
    held = {"value": 1.0}
    count = 0

    def read():
        nonlocal count
        count += 1
        return held["value"]

    read.held = held
    return read


def inside_it():
    def inner():
        return [NUMBER for _ in range(3)]

    return inner()


def default(x, state=[1.0], *, more={"a": 1}):  # noqa: B006
    return x


def set_global(name, value):
    def change(thing):
        globals()[name] = value

    return change


def put(*path):
    """``put("value", 2)``: an attribute; ``put("value", 0, 2)``: an element of it."""

    def change(thing):
        *start, last, value = path
        for step in start:
            thing = getattr(thing, step) if isinstance(step, str) else thing[step]
        if isinstance(last, str):
            setattr(thing, last, value)
        else:
            thing[last] = value

    return change


SEEN = {
    "a number": (lambda: Box(1.0), put("value", 2.0), ".value"),
    "0 and -0": (lambda: Box(0.0), put("value", -0.0), ".value"),
    "1 and True": (lambda: Box(1), put("value", True), ".value"),
    "1 and 1.0": (lambda: Box(1), put("value", 1.0), ".value"),
    "a complex": (lambda: Box(1j), put("value", 2j), ".value"),
    "a text": (lambda: Box("a"), put("value", "b"), ".value"),
    "a class of its own": (lambda: Box(MyFloat(1)), put("value", MyFloat(2)), ".value"),
    "a member of an enum": (lambda: Box(Kind.ONE), put("value", Kind.TWO), "._value_"),
    "a new attribute": (lambda: Box(1), put("more", 1), ""),
    "an array": (lambda: Box(np.zeros((2, 3))), put("value", (1, 2), 1e-300), ".value"),
    "an array of no dimensions": (lambda: Box(np.array(1.0)), put("value", (), 0.5), ".value"),
    "the shape of an array": (lambda: Box(np.zeros((2, 3))), put("value", np.zeros(6)), ".value"),
    "its dtype": (lambda: Box(np.zeros(2)), put("value", np.zeros(2, np.int64)), ".value"),
    "a NumPy scalar": (lambda: Box(np.float32(1)), put("value", np.float32(2)), ".value"),
    "64 KiB": (lambda: Box(np.zeros(2**13)), put("value", 2**13 - 1, 1.0), ".value"),
    "another large array": (lambda: Box(np.zeros(2**14)), put("value", np.zeros(2**14)), ".value"),
    "an element of a list": (lambda: Box([1, [2]]), put("value", 1, 0, 3), ".value[1][0]"),
    "a longer list": (lambda: Box([1]), lambda box: box.value.append(2), ".value"),
    "the last of 256": (lambda: Box([0] * 256), put("value", 255, 1), ".value[255]"),
    "the length of a long list": (lambda: Box([0] * 300), lambda b: b.value.append(0), ".value"),
    "another long list": (lambda: Box([0] * 300), put("value", [1] * 300), ".value"),
    "another long deque": (
        lambda: Box(deque([0] * 300)), put("value", deque([1] * 300)), ".value",
    ),
    "a list of a class of its own": (lambda: Box(MyList([1])), put("value", 0, 2), ".value[0]"),
    "a deque": (lambda: Box(deque([1])), put("value", 0, 2), ".value[0]"),
    "a set": (lambda: Box({1}), lambda box: box.value.add(2), ".value"),
    "another set of as many": (lambda: Box({1}), put("value", {2}), ".value"),
    "a value of a dict": (
        lambda: Box({"a": 1}), lambda box: box.value.update(a=2), ".value['a']",
    ),
    "a key of a dict": (lambda: Box({1: 1}), put("value", {2: 1}), ".value"),
    "the order of a dict": (
        lambda: Box(OrderedDict(a=1, b=2)), lambda box: box.value.move_to_end("a"), ".value",
    ),
    "a key that is an object": (
        lambda: Box({Kind.ONE: 1}), lambda box: box.value.update({Kind.ONE: 2}), ".value[1]",
    ),
    "an object inside": (lambda: Box(Box(1)), put("value", "value", 2), ".value.value"),
    "the class of an object": (lambda: Box(Box(1)), put("value", Frozen(1)), ".value"),
    "a frozen dataclass": (lambda: Box(Frozen(1.0)), put("value", Frozen(2.0)), ".value.rate"),
    "a namespace": (
        lambda: Box(types.SimpleNamespace(a=1)), put("value", "a", 2), ".value.a",
    ),
    "a slot": (lambda: Box(Slots(1)), put("value", "value", 2), ".value.value"),
    "a private slot": (lambda: Slots(1), lambda s: s.hide(2), "._Slots__private"),
    "a slot that was empty": (lambda: Slots(1), put("other", 2), ""),
    "a slot of a base": (lambda: SlotsBelow(1), put("value", 2), ".value"),
    "an attribute of the class": (
        OfClass, lambda thing: setattr(OfClass, "value", 2.0), " (class OfClass).value",
    ),
    "an attribute of a base": (
        Below, lambda thing: setattr(OfClass, "value", 2.0), " (class Below).value",
    ),
    "a method of the class": (
        OfClass, lambda thing: setattr(OfClass, "read", lambda self: 1), " (class OfClass).read",
    ),
    "a class by itself": (
        lambda: Box(OfClass), lambda thing: setattr(OfClass, "value", 2.0), ".value.value",
    ),
    "a property": (OnProperty, set_global("GLOBAL", [2.0]), ": GLOBAL[0]"),
    "a static method": (OnProperty, set_global("NUMBER", 2.0), ": NUMBER"),
    "a global that a function names": (
        lambda: reads_global, lambda f: GLOBAL.__setitem__(0, 2.0), ": GLOBAL[0]",
    ),
    "by another function": (lambda: reads_global, set_global("NUMBER", 2.0), ": helper: NUMBER"),
    "by a function inside it": (lambda: inside_it, set_global("NUMBER", 2.0), ": NUMBER"),
    "what a module has": (
        lambda: reads_attribute, lambda f: setattr(SETTINGS.inner, "factor", 2.0),
        ": SETTINGS.inner.factor",
    ),
    "Python's random numbers": (lambda: reads_module, lambda f: random.random(), ": random.random"),
    "NumPy's random numbers": (
        lambda: reads_module, lambda f: np.random.rand(), ": np.random.rand",  # noqa: NPY002
    ),
    "a closure": (closure, lambda f: f.held.update(value=2.0), ".held['value']"),
    "a closure's own variable": (closure, lambda f: f(), ": count"),
    "an attribute of a function": (closure, lambda f: setattr(f, "more", 1), ""),
    "a default argument": (
        lambda: default, lambda f: f.__defaults__[0].append(1), "'s defaults[0][0]",
    ),
    "one by name": (
        lambda: default, lambda f: f.__kwdefaults__["more"].update(a=2),
        "'s defaults[1]['more']['a']",
    ),
    "a method by itself": (
        lambda: Box(Box(1, read=None).__init__), lambda b: setattr(b.value.__self__, "value", 2),
        ".value.value",
    ),
    "a partial function": (
        lambda: Box(functools.partial(max, [1])), lambda b: b.value.args[0].append(2), "",
    ),
    "a method of a list": (lambda: Box([].append), lambda box: box.value(1), ".value"),
    "a generator": (
        lambda: Box(np.random.default_rng(0)), lambda box: box.value.random(), ".value",
    ),
    "an old generator": (
        lambda: Box(np.random.RandomState(0)), lambda box: box.value.rand(), ".value",
    ),
    "a generator of Python's": (
        lambda: Box(random.Random(0)), lambda box: box.value.random(), ".value",
    ),
    "a counter": (lambda: Box(itertools.count()), lambda box: next(box.value), ".value"),
    "bytes that may change": (lambda: Box(bytearray(b"a")), put("value", 0, 98), ".value"),
    "an array of Python's": (lambda: Box(array.array("d", [1])), put("value", 0, 2.0), ".value"),
    "a number of C": (
        lambda: Box(ctypes.c_double(1)), lambda b: setattr(b.value, "value", 2.0), ".value",
    ),
    "a layer of scratchgan": (
        lambda: Sequential(Linear(2, 3), Linear(3, 1)),
        lambda s: setattr(s.layers[1], "activation", "tanh"), ".layers[1].activation",
    ),
    "a game with another setting": (
        lambda: Box(Minimax()), put("value", Minimax(smoothing=0.1)), ".value.smoothing",
    ),
    "an optimiser of scratchgan": (
        lambda: Box(Adam(1e-3)), put("value", Adam(1e-3, beta1=0.5)), ".value.beta1",
    ),
    "another object of which nothing is seen": (
        lambda: Box(object()), put("value", object()), ".value",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def as_it_was():
    """What tests change of this module, and of Python's and NumPy's, is put back."""
    read = OfClass.read
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    yield
    OfClass.value, OfClass.read = 1.0, read
    globals().update(GLOBAL=[1.0], NUMBER=1.0)
    SETTINGS.inner.factor = SETTINGS.inner.unread = 1.0
    default.__defaults__, default.__kwdefaults__ = ([1.0],), {"more": {"a": 1}}
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002


@pytest.mark.parametrize("name", SEEN)
def test_what_is_seen(name):
    make, change, where = SEEN[name]
    thing = make()
    before = fingerprint({"it": thing})
    assert before == fingerprint({"it": thing})  # by itself, nothing changes
    change(thing)
    after = fingerprint({"it": thing})
    assert before != after
    assert difference(before, after).startswith("it")
    assert difference(before, after).endswith(where)


NOT_SEEN = {
    "an equal object": (lambda: Box(Box(1)), put("value", Box(1))),
    "an equal list": (lambda: Box([1]), put("value", [1])),
    "an equal game": (lambda: Box(Minimax()), put("value", Minimax())),
    "an equal array": (lambda: Box(np.zeros(3)), put("value", np.zeros(3))),
    "NaN": (lambda: Box(float("nan")), put("value", float("nan"))),
    "an array of NaN": (lambda: Box(np.array(np.nan)), put("value", np.array(np.nan))),
    "a large array, in place": (lambda: Box(np.zeros(2**13 + 1)), put("value", 0, 1.0)),
    "an element of a long list": (lambda: Box([0] * 257), put("value", 0, 1)),
    "a global that is not named": (lambda: helper, lambda f: GLOBAL.append(1)),
    "what a function does not read": (
        lambda: reads_attribute, lambda f: setattr(SETTINGS.inner, "unread", 2.0),
    ),
    "the counters of a backend": (
        lambda: Box(get_backend("cpu")), lambda b: b.value.zeros((3,), np.float32),
    ),
    "an equal optimiser": (lambda: Box(SGD(0.1)), put("value", SGD(0.1))),
    "an equal layer": (lambda: Box(Maxout(1, 2)), put("value", Maxout(1, 2))),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_SEEN)
def test_what_is_not_seen(name):
    make, change = NOT_SEEN[name]
    thing = make()
    before = fingerprint({"it": thing})
    change(thing)
    assert before == fingerprint({"it": thing})
    assert difference(before, fingerprint({"it": thing})) == ""


def test_what_refers_to_itself():
    box = Box([1])
    box.me, box.again = box, box.value
    before = fingerprint({"it": box})
    assert before == fingerprint({"it": box})
    box.value[0] = 2
    assert difference(before, fingerprint({"it": box})) == "it.value[0]"


@pytest.mark.parametrize(
    "thing",
    [np.polynomial.Polynomial, pytest.approx, textwrap.dedent, Tanh.forward, Tanh, Box(Box).value],
)
def test_of_whom_a_function_or_a_class_is(thing):
    """What is not a user's is not looked into, were it as large as NumPy."""
    (part,) = fingerprint({"it": thing}).parts
    assert (part == Same(thing)) == (thing is not Box)


def test_a_generator_without_a_state():
    box = Box(random.SystemRandom())
    before = fingerprint({"it": box})
    assert before == fingerprint({"it": box})
    box.value = random.SystemRandom()
    assert before != fingerprint({"it": box})


def test_of_some_it_is_asked_whether_they_are_the_same():
    a = np.zeros(3)
    before = fingerprint({}, [a])
    a[0] = 1.0
    assert before == fingerprint({}, [a])
    assert before != fingerprint({}, [a.copy()])


def test_an_address_that_is_used_again_is_no_reason_to_believe():
    """What is known by its identity is kept, so that nothing else can have it."""
    box = Box(object())
    before = fingerprint({"it": box})
    for _ in range(100):
        box.value = object()
        assert before != fingerprint({"it": box})


def test_a_graph_of_unknown_size_is_cut_off(monkeypatch):
    monkeypatch.setattr(module, "MOST", 10)
    chain = box = Box()
    for _ in range(30):
        box.value = Box()
        box = box.value
    before = fingerprint({"it": chain})
    box.value = 1
    assert before == fingerprint({"it": chain})
    chain.value.value.value = Box()
    assert before != fingerprint({"it": chain})


def test_a_layer_of_ones_own_is_a_users():
    class Own(Layer):
        def forward(self, params, x, ctx):
            return ctx.ops.scale(x, NUMBER), None

        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            return dy

        def jvp(self, params, cache, dx, ctx):
            return dx

    own = Sequential(Own())
    before = fingerprint({"layer": own})
    set_global("NUMBER", 3.0)(None)
    after = fingerprint({"layer": own})
    assert difference(before, after) == "layer.layers[0] (class Own).forward: NUMBER"


def test_same_is_known_by_identity():
    a, b = [1], [1]
    assert Same(a) == Same(a)
    assert Same(a) != Same(b)
    assert Same(a) != a
    assert hash(Same(a)) == hash(Same(a))
