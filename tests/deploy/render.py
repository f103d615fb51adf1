"""Renders a kustomization as `kubectl kustomize` does, for exactly the fields that deploy/ uses; any other is an error."""

import copy
import hashlib
import json
from pathlib import Path

import yaml


class Strict(yaml.SafeLoader):
    """YAML that names nothing twice."""


def _mapping(loader, node, deep=False):
    pairs = loader.construct_pairs(node, deep=True)
    names = [name for name, _ in pairs]
    assert len(names) == len(set(map(str, names))), f"named twice: {names} {node.start_mark}"
    return dict(pairs)


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_all(path):
    return [document for document in yaml.load_all(Path(path).read_text(), Strict) if document is not None]


def load(path):
    (document,) = load_all(path)
    return document


def only(mapping, *known):
    unknown = set(mapping) - set(known)
    assert not unknown, f"fields this renderer does not know: {sorted(unknown)}"


def render(directory):
    """The resources of a directory's kustomization.yaml, in order."""
    directory = Path(directory)
    told = load(directory / "kustomization.yaml")
    only(told, "apiVersion", "kind", "resources", "patches", "images", "configMapGenerator")
    assert (told["apiVersion"], told["kind"]) == ("kustomize.config.k8s.io/v1beta1", "Kustomization")
    resources = []
    for name in told.get("resources", []):
        path = directory / name
        resources += render(path) if path.is_dir() else load_all(path)
    renamed = {}
    for generator in told.get("configMapGenerator", []):
        made, name = config_map(directory, generator)
        resources.append(made)
        renamed[name] = made["metadata"]["name"]
    for patch in told.get("patches", []):
        only(patch, "path")
        apply_patch(resources, load(directory / patch["path"]))
    images = {image["name"]: image for image in told.get("images", [])}
    for image in images.values():
        only(image, "name", "newName", "newTag")
    for resource in resources:
        rewrite(resource, images, renamed)
    return resources


def config_map(directory, generator):
    only(generator, "name", "files", "options")
    options = generator.get("options", {})
    only(options, "disableNameSuffixHash")
    data = {Path(file).name: (directory / file).read_text() for file in generator["files"]}
    name = generator["name"]
    if not options.get("disableNameSuffixHash"):
        # Not kustomize's own letters, but as it does another name for other content.
        name += "-" + hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:10]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}, generator["name"]


def apply_patch(resources, patch):
    same = lambda one: (one["kind"], one["metadata"]["name"]) == (patch["kind"], patch["metadata"]["name"])
    (target,) = filter(same, resources)
    merge(target, patch)


def merge(target, patch):
    """A strategic merge: mappings by name, lists of what has names by these, and null takes away."""
    for name, value in patch.items():
        found = target.get(name)
        if value is None:
            target.pop(name)
        elif isinstance(value, dict) and isinstance(found, dict):
            merge(found, value)
        elif isinstance(value, list) and isinstance(found, list):
            for item in value:
                (old,) = (old for old in found if old["name"] == item["name"])
                merge(old, item)
        else:
            target[name] = copy.deepcopy(value)


def rewrite(node, images, renamed):
    if isinstance(node, list):
        for item in node:
            rewrite(item, images, renamed)
    if isinstance(node, dict):
        image = images.get(node.get("image"))
        if image:
            node["image"] = f"{image['newName']}:{image['newTag']}"
        if isinstance(node.get("configMap"), dict):
            node["configMap"]["name"] = renamed.get(node["configMap"]["name"], node["configMap"]["name"])
        for item in node.values():
            rewrite(item, images, renamed)
