"""Keys and values with room to grow: appending one token writes one token, not the whole past again."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["make_room"]

_STEP = 64


def make_room(cache: Any) -> None:
    """Give every plain layer of a cache room to grow; its content stays as it is.

    Args:
        cache: A transformers `DynamicCache`. Layers of other kinds (sliding windows, states) are left alone.
    """
    from transformers.cache_utils import DynamicLayer

    for index, layer in enumerate(cache.layers):
        if type(layer) is DynamicLayer and layer.is_initialized:
            cache.layers[index] = _roomy_layer()(layer)


@functools.cache
def _roomy_layer() -> Any:
    from transformers.cache_utils import DynamicLayer

    class RoomyLayer(DynamicLayer):  # type: ignore[misc]  # transformers is untyped here
        """A layer whose keys and values are the filled part of larger tensors."""

        keys: Tensor
        values: Tensor

        def __init__(self, layer: Any) -> None:
            self.__dict__.update(layer.__dict__)
            self._buffers = (self.keys, self.values)

        def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
            """Append, as `DynamicLayer.update` does."""
            start = self.keys.shape[-2]
            end = start + key_states.shape[-2]
            if end > self._buffers[0].shape[-2]:
                self._buffers = (_enlarged(self.keys, end), _enlarged(self.values, end))
            keys, values = self._buffers
            keys[..., start:end, :] = key_states
            values[..., start:end, :] = value_states
            self.keys, self.values = keys[..., :end, :], values[..., :end, :]
            return self.keys, self.values

        def batch_select_indices(self, indices: Tensor) -> None:
            """Keep some rows; the room of the others is given back."""
            super().batch_select_indices(indices)
            self._buffers = (self.keys, self.values)

        def batch_repeat_interleave(self, repeats: int) -> None:
            """Repeat every row."""
            super().batch_repeat_interleave(repeats)
            self._buffers = (self.keys, self.values)

    return RoomyLayer


def _enlarged(filled: Tensor, needed: int) -> Tensor:
    rows, heads, length, width = filled.shape
    larger = filled.new_empty((rows, heads, needed + _STEP, width))
    larger[..., :length, :] = filled
    return larger
