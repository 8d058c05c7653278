"""Nodes that Ray's autoscaler starts as processes of this machine, with memory among their resources.

Ray's own provider of such nodes does not take it, and an autoscaler starts no node for parts that ask for
memory if its type of node has none.
"""

from __future__ import annotations

from typing import Any

from ray.autoscaler._private.fake_multi_node.node_provider import FakeMultiNodeProvider


class LocalNodes(FakeMultiNodeProvider):
    """Every node has the memory of the machine."""

    def create_node_with_resources_and_labels(
        self, node_config: Any, tags: Any, count: int, resources: dict[str, float], labels: Any
    ) -> None:
        asked = {name: amount for name, amount in resources.items() if name != "memory"}
        super().create_node_with_resources_and_labels(node_config, tags, count, asked, labels)
