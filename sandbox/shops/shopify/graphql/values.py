"""Values against types: variables as JSON brings them, arguments as the document writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.shops.shopify.graphql.schema import InputDef, Schema
from sandbox.shops.shopify.graphql.syntax import Enum, GraphQLError, Operation, TypeRef, Variable

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_INT_LIMIT = 2**31


def read_variables(schema: Schema, operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's variables with defaults; GraphQLError for a missing or wrong one."""
    found: dict[str, Any] = {}
    for variable in operation.variables:
        if not schema.is_input(variable.type.base):
            message = f"{variable.type.base} isn't a valid input type (on ${variable.name})"
            raise GraphQLError(message, "variableRequiresValidType", operation.at)
        if variable.name in given:
            found[variable.name] = _variable(schema, variable.type, given[variable.name], variable.name)
        elif variable.has_default:
            found[variable.name] = variable.default
        elif variable.type.required:
            raise _bad_variable(variable.name, variable.type, "Expected value to not be null")
    return found


def _variable(schema: Schema, kind: TypeRef, value: Any, name: str) -> Any:
    try:
        return coerce(schema, kind, value, from_json=True)
    except ValueError as error:
        raise _bad_variable(name, kind, str(error)) from error


def _bad_variable(name: str, kind: TypeRef, why: str) -> GraphQLError:
    message = f"Variable ${name} of type {kind} was provided invalid value"
    return GraphQLError(message, "INVALID_VARIABLE", problems=[{"path": [], "explanation": why}])


def filled(value: Any, variables: Mapping[str, Any]) -> Any:
    """A written value with its variables put in. An absent variable inside an object is left out."""
    if isinstance(value, Variable):
        return variables.get(value.name)
    if isinstance(value, list):
        return [filled(item, variables) for item in value]
    if isinstance(value, dict):
        return {
            key: filled(item, variables)
            for key, item in value.items()
            if not (isinstance(item, Variable) and item.name not in variables)
        }
    return value


def read_args(
    schema: Schema,
    defined: Mapping[str, InputDef],
    written: Mapping[str, Any],
    variables: Mapping[str, Any],
    where: str,
    at: tuple[int, int],
) -> dict[str, Any]:
    """The arguments a resolver gets: coerced, with defaults; absent ones are left out."""
    found: dict[str, Any] = {}
    for name, arg in defined.items():
        absent = name not in written or (
            isinstance(written[name], Variable) and written[name].name not in variables
        )
        if absent and arg.has_default:
            found[name] = arg.default
        elif absent and arg.type.required:
            message = f"{where} is missing required arguments: {name}"
            raise GraphQLError(message, "missingRequiredArguments", at, argumentName=name)
        elif not absent:
            try:
                found[name] = coerce(schema, arg.type, filled(written[name], variables), from_json=False)
            except ValueError as error:
                message = (
                    f"Argument '{name}' on {where} has an invalid value. Expected type '{arg.type}'. {error}"
                )
                raise GraphQLError(message, "argumentLiteralsIncompatible", at, argumentName=name) from error
    return found


def coerce(schema: Schema, kind: TypeRef, value: Any, *, from_json: bool) -> Any:
    """The value as this type; ValueError says why not."""
    if value is None:
        if kind.required:
            raise ValueError("Expected value to not be null")
        return None
    if kind.of is not None:
        rows = value if isinstance(value, list) else [value]
        inner = kind.of
        return [coerce(schema, inner, row, from_json=from_json) for row in rows]
    if kind.name in schema.inputs:
        return _object(schema, kind.name, value, from_json=from_json)
    if kind.name in schema.enums:
        if value not in schema.enums[kind.name]:
            raise ValueError(f"Expected {value!r} to be one of: {', '.join(sorted(schema.enums[kind.name]))}")
        return str(value)
    return _scalar(kind.name, value)


def _object(schema: Schema, name: str, value: Any, *, from_json: bool) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"Expected {value!r} to be an object")
    fields = schema.inputs[name]
    if unknown := set(value) - set(fields):
        raise ValueError(f"Field is not defined on {name}: {', '.join(sorted(unknown))}")
    found = {}
    for field, defined in fields.items():
        if field in value:
            found[field] = coerce(schema, defined.type, value[field], from_json=from_json)
        elif defined.has_default:
            found[field] = defined.default
        elif defined.type.required:
            raise ValueError(f"{field}: Expected value to not be null")
    return found


def _scalar(name: str, value: Any) -> Any:
    wrong = ValueError(f"Could not coerce value {value!r} to {name}")
    if isinstance(value, Enum):
        raise wrong
    whole = isinstance(value, int) and not isinstance(value, bool)
    match name:
        case "Int":
            good = whole and -_INT_LIMIT <= value < _INT_LIMIT
        case "Float":
            good = whole or isinstance(value, float)
        case "Boolean":
            good = isinstance(value, bool)
        case "ID":
            good = whole or isinstance(value, str)
            value = str(value)
        case "Money" | "Decimal":
            value = str(value)
            good = bool(_DECIMAL.fullmatch(value))
        case "DateTime":
            good = isinstance(value, str) and _is_time(value)
        case _:
            good = isinstance(value, str)
    if not good:
        raise wrong
    return value


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
