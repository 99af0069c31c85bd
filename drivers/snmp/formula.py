"""The arithmetic a profile may write: names, numbers, + - * /, brackets, a minus sign. Nothing else is taken."""

import ast
import operator
from collections.abc import Callable, Mapping

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Formula:
    """One expression over named numbers, as `100 * used / size`."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError:
            raise ValueError(f"{text!r} is not a formula") from None
        self.names = frozenset(_names(self._tree, text))

    def value(self, given: Mapping[str, object]) -> float | None:
        """What it comes to, or None if a name has no number or a divisor is nought."""
        try:
            return _value(self._tree, given)
        except (KeyError, ZeroDivisionError, OverflowError):
            return None


def _names(tree: ast.expr, text: str) -> list[str]:
    match tree:
        case ast.Name(id=name):
            return [name]
        case ast.Constant(value=int() | float()):
            return []
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _names(operand, text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return [*_names(left, text), *_names(right, text)]
    raise ValueError(f"{text!r} has more in it than names, numbers, + - * / and brackets")


def _value(tree: ast.expr, given: Mapping[str, object]) -> float:
    match tree:
        case ast.Name(id=name):
            number = given[name]
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise KeyError(name)
            return float(number)
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(operand=operand):
            return -_value(operand, given)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, given), _value(right, given))
    raise AssertionError(tree)  # _names has refused everything else
