"""The last step of a pipeline: trees or weighted sums."""

import numpy as np

from .columns import NotExportable, ordinal_encoder


def model(estimator, columns):
    """The parts of the document that say how `columns` are scored, and the columns it wants."""
    name = type(estimator).__name__
    known = MODELS.get(name)
    if known is None or not type(estimator).__module__.startswith("sklearn."):
        raise NotExportable(f"the model {name}")
    if getattr(estimator, "n_outputs_", 1) != 1:
        raise NotExportable(f"a {name} with several outputs")
    return known(estimator, columns)


def labels(estimator):
    return {"classes": [str(label) for label in estimator.classes_]}


def tree(fitted, value, group=None):
    """One tree from `tree_`; `value` has a row per node."""
    nodes = fitted.tree_
    missing_left = getattr(nodes, "missing_go_to_left", np.zeros(nodes.node_count))
    made = {
        "left": nodes.children_left.tolist(),
        "right": nodes.children_right.tolist(),
        "feature": np.maximum(nodes.feature, 0).tolist(),
        "threshold": thresholds(nodes.threshold),
        "missing_left": [int(flag) for flag in missing_left],
        "value": np.asarray(value, dtype=float).ravel().tolist(),
        "cover": nodes.weighted_n_node_samples.tolist(),
    }
    return made if group is None else {"group": group, **made}


def thresholds(values):
    """JSON has no infinity, which parts missing values from all others: null."""
    return [None if value == np.inf else float(value) for value in values]


def forest(estimator, columns):
    """Trees whose leaves are averaged."""
    trees = getattr(estimator, "estimators_", [estimator])
    if hasattr(estimator, "classes_"):
        count = len(estimator.classes_)
        if count < 2:
            raise NotExportable("a classifier of a single class")
        # Of two classes the second says it all.
        kept = slice(1, 2) if count == 2 else slice(0, count)
        width = 1 if count == 2 else count
        kind = {"output": "probability" if count == 2 else "class_probabilities", **labels(estimator)}
    else:
        kept, width, kind = slice(0, 1), 1, {"output": "value"}
    made = [tree(one, one.tree_.value[:, 0, kept], 0 if width == 1 else None) for one in trees]
    return {
        "trees": {"single": True, "mean": len(made) > 1, "base": [0.0] * width, "trees": made},
        **kind,
    }, columns


def gradient_boosting(estimator, columns):
    row = np.zeros((1, estimator.n_features_in_))
    init = type(estimator.init_).__name__
    if not (init.startswith("Dummy") or estimator.init_ == "zero"):
        raise NotExportable("gradient boosting on top of another estimator (init=)")
    base = estimator._raw_predict_init(row)[0]
    made = []
    for stage in estimator.estimators_:
        for group, one in enumerate(stage):
            made.append(tree(one, estimator.learning_rate * one.tree_.value[:, 0, 0], group))
    trees = {"single": True, "mean": False, "base": base.tolist(), "trees": made}
    if hasattr(estimator, "classes_"):
        if estimator.loss != "log_loss":
            raise NotExportable(f"gradient boosting with loss={estimator.loss!r}")
        return {"trees": trees, **classes_of_margins(estimator)}, columns
    return {"trees": trees, "output": "value"}, columns


def classes_of_margins(estimator):
    if len(estimator.classes_) == 2:
        return {"transform": "expit", "output": "probability", **labels(estimator)}
    return {"transform": "softmax", "output": "class_probabilities", **labels(estimator)}


def hist_gradient_boosting(estimator, columns):
    known_sets, feature_places = estimator._bin_mapper.make_known_categories_bitsets()
    is_category = estimator.is_categorical_
    if is_category is not None and np.any(is_category):
        if estimator._preprocessor is None:
            raise NotExportable("categories of a scikit-learn before 1.4; fit again with a later one")
        encoder = estimator._preprocessor.named_transformers_["encoder"]
        chosen = np.flatnonzero(is_category)
        encoded = ordinal_encoder(encoder, [columns[index] for index in chosen])
        columns = encoded + [columns[index] for index in np.flatnonzero(~np.asarray(is_category))]
    made = []
    for iteration in estimator._predictors:
        for group, predictor in enumerate(iteration):
            made.append(hist_tree(predictor, group, known_sets, feature_places))
    base = np.asarray(estimator._baseline_prediction, dtype=float).ravel()
    trees = {"single": False, "mean": False, "base": base.tolist(), "trees": made}
    if hasattr(estimator, "classes_"):
        return {"trees": trees, **classes_of_margins(estimator)}, columns
    link = type(estimator._loss.link).__name__
    transform = {"IdentityLink": "identity", "LogLink": "exp"}.get(link)
    if transform is None:
        raise NotExportable(f"histogram gradient boosting with loss={estimator.loss!r}")
    return {"trees": trees, "transform": transform, "output": "value"}, columns


def members(bits):
    """The codes of a set of 256 bits."""
    return [32 * word + bit for word, value in enumerate(bits) for bit in range(32) if int(value) >> bit & 1]


def hist_tree(predictor, group, known_sets, feature_places):
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"].astype(bool)
    sets = []
    for place, node in enumerate(nodes):
        if is_leaf[place] or not node["is_categorical"]:
            continue
        left = members(predictor.raw_left_cat_bitsets[node["bitset_idx"]])
        if node["missing_go_to_left"]:
            # What is unknown goes where missing values go: only known codes go right.
            known = members(known_sets[feature_places[node["feature_idx"]]])
            sets.append({"node": place, "members_left": False, "codes": sorted(set(known) - set(left))})
        else:
            sets.append({"node": place, "members_left": True, "codes": left})
    threshold = [0.0 if leaf or node["is_categorical"] else float(node["num_threshold"])
                 for node, leaf in zip(nodes, is_leaf)]
    return {
        "group": group,
        "left": [-1 if leaf else int(child) for child, leaf in zip(nodes["left"], is_leaf)],
        "right": [-1 if leaf else int(child) for child, leaf in zip(nodes["right"], is_leaf)],
        "feature": [0 if leaf else int(feature) for feature, leaf in zip(nodes["feature_idx"], is_leaf)],
        "threshold": thresholds(threshold),
        "missing_left": [int(flag) for flag in nodes["missing_go_to_left"]],
        "value": nodes["value"].tolist(),
        "cover": [float(count) for count in nodes["count"]],
        "sets": sets,
    }


def linear_regression(estimator, columns):
    if estimator.coef_.ndim != 1:
        raise NotExportable("a linear regression with several targets")
    linear = {"coefficients": estimator.coef_.tolist(), "intercepts": [float(estimator.intercept_)]}
    return {"linear": linear, "output": "value"}, columns


def logistic_regression(estimator, columns):
    if getattr(estimator, "multi_class", "auto") in ("ovr",) and len(estimator.classes_) > 2:
        raise NotExportable("LogisticRegression with multi_class='ovr' and more than two classes")
    if estimator.solver == "liblinear" and len(estimator.classes_) > 2:
        raise NotExportable("LogisticRegression with solver='liblinear' and more than two classes")
    intercepts = np.broadcast_to(estimator.intercept_, estimator.coef_.shape[0])
    linear = {"coefficients": estimator.coef_.ravel().tolist(), "intercepts": intercepts.tolist()}
    return {"linear": linear, **classes_of_margins(estimator)}, columns


MODELS = {
    "DecisionTreeClassifier": forest,
    "DecisionTreeRegressor": forest,
    "ExtraTreeClassifier": forest,
    "ExtraTreeRegressor": forest,
    "RandomForestClassifier": forest,
    "RandomForestRegressor": forest,
    "ExtraTreesClassifier": forest,
    "ExtraTreesRegressor": forest,
    "GradientBoostingClassifier": gradient_boosting,
    "GradientBoostingRegressor": gradient_boosting,
    "HistGradientBoostingClassifier": hist_gradient_boosting,
    "HistGradientBoostingRegressor": hist_gradient_boosting,
    "LinearRegression": linear_regression,
    "Ridge": linear_regression,
    "RidgeCV": linear_regression,
    "Lasso": linear_regression,
    "LassoCV": linear_regression,
    "ElasticNet": linear_regression,
    "ElasticNetCV": linear_regression,
    "LogisticRegression": logistic_regression,
    "LogisticRegressionCV": logistic_regression,
}
