"""Filters of the library, as a person writes them: ``ctf_resolution < 4 and flag != "red"``.

The grammar is a small part of Python's: fields, numbers, texts in quotes, ``none``, ``true``,
``false``; ``+ - * /``; ``== != < <= > >=`` (chained too), ``in``, ``not in``, ``is none``;
``and``, ``or``, ``not``, parentheses. An image without a value fulfils no ``<`` or ``>`` with it,
is equal to ``none`` and to nothing else.
"""

import ast
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import NoReturn

from cryobatch.errors import UnknownNameError, UsageError
from cryobatch.store.fields import COLUMNS, STALE, TRUTHS, Fragment, field

MAX_LENGTH = 20_000
MAX_PARTS = 300  # SQLite takes expressions to a depth of 1000

_ORDERED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_EQUAL = {ast.Eq: "IS", ast.Is: "IS", ast.NotEq: "IS NOT", ast.IsNot: "IS NOT"}
_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_WORDS: dict[str, bool | None] = {"none": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that the library understands.

    Args:
        condition: Its SQL.
        names: The fields that it asks for.
    """

    condition: Fragment
    names: frozenset[str]


def parse_filter(text: str, values: Collection[str]) -> Filter:
    """Read a filter.

    Args:
        text: What a person wrote.
        values: Names of the values that there can be.

    Raises:
        UsageError: It is no filter; the text says where and how to write it.
        UnknownNameError: It asks for a field that nobody knows.
    """
    tree = _read(text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    known = frozenset(name for name in names if name in COLUMNS or name in values)
    return Filter(_Translation(text, values).condition(tree), known)


def _read(text: str) -> ast.expr:
    if len(text) > MAX_LENGTH:
        raise UsageError(f"the filter is longer than {MAX_LENGTH} characters: choose by ids")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(_explain(text, getattr(error, "offset", None))) from None
    parts = sum(isinstance(n, ast.Compare | ast.BoolOp | ast.BinOp | ast.UnaryOp | ast.Name)
                for n in ast.walk(tree))  # fmt: skip
    if parts > MAX_PARTS:
        raise UsageError(f"the filter has more than {MAX_PARTS} parts: write 'x in (1, 2, ...)'")
    return tree


def _explain(text: str, offset: int | None) -> str:
    where = "" if offset is None else f" near character {offset}"
    return (
        f'{text!r} is no filter{where}: write as in ctf_resolution < 4 and flag != "red" '
        "(with ==, !=, <, <=, >, >=, in, and, or, not; texts in quotes)"
    )


def _is_id(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "id"


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


class _Translation:
    """From Python's syntax tree to SQL, by a list of what is allowed."""

    def __init__(self, text: str, values: Collection[str]) -> None:
        self._text = text
        self._values = values

    def condition(self, node: ast.expr) -> Fragment:
        """Translate what is true or false, never NULL."""
        if isinstance(node, ast.BoolOp):
            word = " AND " if isinstance(node.op, ast.And) else " OR "
            return _join(word, [self.condition(part) for part in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.condition(node.operand)
            return Fragment(f"(NOT {inner.sql})", inner.parameters)
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.Name) and node.id in TRUTHS:
            return field(node.id, self._values)
        if isinstance(node, ast.Name | ast.Constant) and self._is_truth(node):
            return Fragment("1" if self._constant(node) else "0")
        if isinstance(node, ast.Name) and not self._is_word(node):
            field(node.id, self._values)  # an unknown one is told before what lacks
        return self._refuse(node, "compare it with something")

    def _comparison(self, node: ast.Compare) -> Fragment:
        operands = [node.left, *node.comparators]
        pairs = zip(operands, node.ops, operands[1:], strict=False)
        return _join(" AND ", [self._pair(left, op, right) for left, op, right in pairs])

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Fragment:
        if isinstance(op, ast.In | ast.NotIn):
            if _is_number(right):
                right = ast.Tuple(elts=[right], ctx=ast.Load())  # (17): a list of one to people
            inner = self._membership(left, right)
            if isinstance(op, ast.In) and _is_id(left) and self._are_constants(right):
                return inner  # neither can be NULL, and SQLite finds these few by their ids
            word = "NOT " if isinstance(op, ast.NotIn) else ""
            return Fragment(f"({word}ifnull({inner.sql}, 0))", inner.parameters)
        a, b = self._operand(left), self._operand(right)
        if type(op) in _EQUAL:
            return Fragment(f"({a.sql} {_EQUAL[type(op)]} {b.sql})", a.parameters + b.parameters)
        if _is_id(left) and _is_number(right):
            return Fragment(f"({a.sql} {_ORDERED[type(op)]} {b.sql})", b.parameters)
        # SQLite takes every text for larger than every number; here they do not compare.
        sql = (
            f"((typeof({a.sql}) = 'text') = (typeof({b.sql}) = 'text') "
            f"AND ifnull({a.sql} {_ORDERED[type(op)]} {b.sql}, 0))"
        )
        return Fragment(sql, (a.parameters + b.parameters) * 2)

    def _membership(self, left: ast.expr, right: ast.expr) -> Fragment:
        one = self._operand(left)
        if isinstance(right, ast.Tuple | ast.List | ast.Set):
            several = json.dumps([self._constant(item) for item in right.elts])
            sql = f"({one.sql} IN (SELECT value FROM json_each(?)))"  # noqa: S608 - our own words
            return Fragment(sql, (*one.parameters, several))
        if isinstance(right, ast.Name) and right.id == STALE:
            stale = "SELECT value FROM json_each(image.stale)"
            return Fragment(f"({one.sql} IN ({stale}))", one.parameters)
        whole = self._operand(right)
        return Fragment(f"(instr({whole.sql}, {one.sql}) > 0)", whole.parameters + one.parameters)

    def _are_constants(self, node: ast.expr) -> bool:
        """Tell whether these are several constants, and none of them none."""
        items = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else []
        return bool(items) and all(self._constant(item) is not None for item in items)

    def _operand(self, node: ast.expr) -> Fragment:
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            a, b = self._number(node.left), self._number(node.right)
            sql = f"({a.sql} {_ARITHMETIC[type(node.op)]} {b.sql})"
            return Fragment(sql, a.parameters + b.parameters)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            number = self._number(node.operand)
            return Fragment(f"(- {number.sql})", number.parameters)
        if isinstance(node, ast.Name) and not self._is_word(node):
            return field(node.id, self._values)
        return Fragment("?", (self._constant(node),))

    def _number(self, node: ast.expr) -> Fragment:
        inner = self._operand(node)
        if isinstance(node, ast.BinOp | ast.UnaryOp):
            return inner
        # SQLite would calculate with a text as if it were 0, and divide whole numbers without rest.
        sql = f"iif(typeof({inner.sql}) = 'text', NULL, {inner.sql} * 1.0)"
        return Fragment(sql, inner.parameters * 2)

    def _constant(self, node: ast.expr) -> str | int | float | bool | None:
        if isinstance(node, ast.Name) and self._is_word(node):
            return _WORDS[node.id.lower()]
        if isinstance(node, ast.Name):
            hint = f'; a text stands in quotes: "{node.id}"'
            raise UnknownNameError("constant", node.id, _WORDS, hint)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            number = self._constant(node.operand)
            if isinstance(number, int | float):
                return -number if isinstance(node.op, ast.USub) else number
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | None):
            whole = node.value
            fits = not isinstance(whole, int) or abs(whole) < 1 << 62
            return whole if fits else float("inf")
        return self._refuse(node, "it is neither a field nor a number nor a text")

    def _is_word(self, node: ast.Name) -> bool:
        return node.id.lower() in _WORDS and node.id not in self._values

    def _is_truth(self, node: ast.Name | ast.Constant) -> bool:
        if isinstance(node, ast.Constant):
            return isinstance(node.value, bool)
        return self._is_word(node) and _WORDS[node.id.lower()] is not None

    def _refuse(self, node: ast.expr, advice: str) -> NoReturn:
        part = ast.get_source_segment(self._text.strip(), node) or "a part"
        raise UsageError(f"{part!r} cannot stand there in {self._text!r}: {advice}")


def _join(word: str, parts: list[Fragment]) -> Fragment:
    sql = word.join(part.sql for part in parts)
    return Fragment(f"({sql})", tuple(value for part in parts for value in part.parameters))
