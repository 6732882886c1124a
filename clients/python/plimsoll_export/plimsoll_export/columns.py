"""What preprocessing does, column by column.

Each transformer is followed symbolically: columns go in, columns come out. A column knows the input
it comes from and the steps from there; nothing is computed here.
"""

import math
import sys

import numpy as np


class NotExportable(ValueError):
    """A model, or a part of one, that the format cannot hold exactly."""


class Column:
    """A column: its input, the steps from there, and, once encoded, its one-hot columns."""

    def __init__(self, input_, steps=(), one_hot=None, place=0):
        self.input = input_
        self.steps = tuple(steps)
        self.one_hot = one_hot
        self.place = place

    def then(self, do, with_=(), **more):
        if self.one_hot is not None:
            # A step after one-hot applies to each of its columns: the column on its own first.
            value = self.one_hot["one_hot"][self.place]
            return Column(self.input, self.steps + self._as_is(value)).then(do, with_, **more)
        return Column(self.input, self.steps + ({"do": do, "with": list(with_), **more},))

    def _as_is(self, value):
        if self.one_hot["refuses_unknown"]:
            raise NotExportable(
                "a scaler after an encoder with handle_unknown='error'; use handle_unknown='ignore', or scale before"
            )
        if is_missing(value):
            return ({"do": "is_missing", "with": []},)
        return ({"do": "is", "with": [value]},)


def is_missing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def plain(value):
    """A NumPy scalar as the Python value that JSON can hold."""
    if is_missing(value):
        return None
    if isinstance(value, (np.bool_, bool)):
        return float(value)
    if isinstance(value, (np.integer, int)):
        return int(value)
    if isinstance(value, (np.floating, float)):
        return float(value)
    if isinstance(value, (np.str_, str)):
        return str(value)
    raise NotExportable(f"a value of type {type(value).__name__} among categories; use texts or numbers")


def transform(transformer, columns):
    """The columns that `transformer` makes of `columns`."""
    name = type(transformer).__name__
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return columns
    if isinstance(transformer, str) and transformer == "drop":
        return []
    known = TRANSFORMERS.get(name)
    if known is not None and type(transformer).__module__.startswith("sklearn."):
        return known(transformer, columns)
    if hasattr(transformer, "get_support") and type(transformer).__module__.startswith("sklearn.feature_selection"):
        return [columns[index] for index in transformer.get_support(indices=True)]
    raise NotExportable(f"the transformer {name}; ask for it, or put its work into the columns beforehand")


def pipeline(steps, columns):
    for _, step in steps:
        columns = transform(step, columns)
    return columns


def column_transformer(transformer, columns):
    made = {}
    for name, fitted, _ in transformer.transformers_:
        indices = transformer._transformer_to_input_indices.get(name, [])
        made[name] = transform(fitted, [columns[index] for index in indices])
    # The order of the output is that of the transformers.
    return [column for name, _, _ in transformer.transformers_ for column in made[name]]


def feature_union(union, columns):
    if union.transformer_weights:
        raise NotExportable("a FeatureUnion with transformer_weights")
    return [column for _, fitted in union.transformer_list for column in transform(fitted, columns)]


def simple_imputer(imputer, columns):
    missing = imputer.missing_values
    as_nan = counts_as_nan(missing)
    filled = []
    for column, statistic in zip(columns, imputer.statistics_):
        if is_missing(statistic) and not getattr(imputer, "keep_empty_features", False):
            continue  # a column without any value is left out
        statistic = plain(statistic)
        if statistic is None:
            raise NotExportable("a SimpleImputer that fills with nothing")
        if as_nan:
            filled.append(column.then("fill", [statistic]))
        else:
            filled.append(column.then("replace", [plain(missing), statistic]))
    if imputer.add_indicator:
        filled += missing_indicator(imputer.indicator_, columns)
    return filled


def counts_as_nan(marker):
    pandas = sys.modules.get("pandas")
    return is_missing(marker) or (pandas is not None and marker is pandas.NA)


def missing_indicator(indicator, columns):
    missing = indicator.missing_values
    marked = []
    for index in indicator.features_:
        if counts_as_nan(missing):
            marked.append(columns[index].then("is_missing"))
        else:
            marked.append(columns[index].then("is", [plain(missing)]))
    return marked


def standard_scaler(scaler, columns):
    scaled = []
    for index, column in enumerate(columns):
        if scaler.with_mean:
            column = column.then("subtract", [float(scaler.mean_[index])])
        if scaler.with_std:
            column = column.then("divide", [float(scaler.scale_[index])])
        scaled.append(column)
    return scaled


def robust_scaler(scaler, columns):
    scaled = []
    for index, column in enumerate(columns):
        if scaler.with_centering:
            column = column.then("subtract", [float(scaler.center_[index])])
        if scaler.with_scaling:
            column = column.then("divide", [float(scaler.scale_[index])])
        scaled.append(column)
    return scaled


def min_max_scaler(scaler, columns):
    scaled = []
    low, high = scaler.feature_range
    for index, column in enumerate(columns):
        column = column.then("multiply", [float(scaler.scale_[index])]).then("add", [float(scaler.min_[index])])
        scaled.append(column.then("clip", [float(low), float(high)]) if scaler.clip else column)
    return scaled


def max_abs_scaler(scaler, columns):
    scaled = [column.then("divide", [float(scale)]) for column, scale in zip(columns, scaler.scale_)]
    return [column.then("clip", [-1.0, 1.0]) for column in scaled] if getattr(scaler, "clip", False) else scaled


def one_hot_encoder(encoder, columns):
    if any(found is not None for found in getattr(encoder, "infrequent_categories_", None) or []):
        raise NotExportable("a OneHotEncoder that groups infrequent categories (min_frequency, max_categories)")
    if encoder.handle_unknown not in ("error", "ignore", "warn", "infrequent_if_exist"):
        raise NotExportable(f"a OneHotEncoder with handle_unknown={encoder.handle_unknown!r}")
    made = []
    for index, (column, categories) in enumerate(zip(columns, encoder.categories_)):
        if column.one_hot is not None:
            raise NotExportable("a OneHotEncoder after a OneHotEncoder")
        dropped = None if encoder.drop_idx_ is None else encoder.drop_idx_[index]
        values = listed(column, categories)
        block = {
            "one_hot": [value for place, value in enumerate(values) if place != dropped],
            "without_column": [] if dropped is None else [values[int(dropped)]],
            "refuses_unknown": encoder.handle_unknown == "error",
        }
        made += [Column(column.input, column.steps, block, place) for place in range(len(block["one_hot"]))]
    return made


def listed(column, categories):
    """The categories as JSON values; at most one stands for a missing value."""
    values = [plain(value) for value in categories]
    if values.count(None) > 1:
        raise NotExportable("both None and NaN among categories; use one of them for missing values")
    if None in values and any(step["do"] == "fill" for step in column.steps):
        raise NotExportable("an imputer that left None where NaN was to be filled; use NaN for missing texts")
    return values


def ordinal_encoder(encoder, columns):
    if any(found is not None for found in getattr(encoder, "infrequent_categories_", None) or []):
        raise NotExportable("an OrdinalEncoder that groups infrequent categories (min_frequency, max_categories)")
    made = []
    for column, categories in zip(columns, encoder.categories_):
        values = listed(column, categories)
        more = {}
        if encoder.handle_unknown == "use_encoded_value":
            more["unknown"] = plain(encoder.unknown_value)
        if None in values:
            # None is a category like any other, NaN has a number of its own. Both come last.
            is_none = any(value is None for value in categories)
            more["missing"] = values.index(None) if is_none else plain(encoder.encoded_missing_value)
            values.remove(None)
        elif "unknown" in more:
            more["missing"] = more["unknown"]
        made.append(column.then("find", values, **more))
    return made


def function_transformer(transformer, columns):
    if transformer.func is None:
        return columns
    raise NotExportable("a FunctionTransformer with a function; do its work before the model")


TRANSFORMERS = {
    "Pipeline": lambda made, columns: pipeline(made.steps, columns),
    "ColumnTransformer": column_transformer,
    "FeatureUnion": feature_union,
    "SimpleImputer": simple_imputer,
    "MissingIndicator": missing_indicator,
    "StandardScaler": standard_scaler,
    "RobustScaler": robust_scaler,
    "MinMaxScaler": min_max_scaler,
    "MaxAbsScaler": max_abs_scaler,
    "OneHotEncoder": one_hot_encoder,
    "OrdinalEncoder": ordinal_encoder,
    "FunctionTransformer": function_transformer,
}
