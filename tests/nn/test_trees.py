"""A tree is walked in one order, and built again with other leaves in the same one."""

import pytest

from scratchgan.nn.trees import leaves, rebuilt, walk

TREES = {
    "a leaf": (1, [()], [1]),
    "a pair": ((1, 2), [(0,), (1,)], [1, 2]),
    "nothing": ((), [], []),
    "parameters": (
        ({"weight": 1, "bias": 2}, {}, ({"weight": 3},)),
        [(0, "weight"), (0, "bias"), (2, 0, "weight")],
        [1, 2, 3],
    ),
}
every_tree = pytest.mark.parametrize(("tree", "paths", "found"), TREES.values(), ids=TREES)


@every_tree
def test_leaves_and_their_paths(tree, paths, found):
    assert list(walk(tree)) == list(zip(paths, found, strict=True))
    assert list(leaves(tree)) == found


@every_tree
def test_rebuilt_with_other_leaves(tree, paths, found):
    other = rebuilt(tree, [10 * leaf for leaf in found])
    assert list(walk(other)) == [(path, 10 * leaf) for path, leaf in zip(paths, found, strict=True)]
    assert rebuilt(other, found) == tree


def test_mappings_may_be_of_another_kind():
    class Named(dict):
        pass

    made = rebuilt(({"a": 1}, {}), "x", Named)
    assert made == ({"a": "x"}, {})
    assert all(type(part) is Named for part in made)
