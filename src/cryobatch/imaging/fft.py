"""Put a faster library under scipy.fft, the one interface for transforms, where there is one.

`ducc0 <https://pypi.org/project/ducc0/>`_ (``pip install 'cryobatch[fast]'``) needs two thirds of
SciPy's time for transforms of frames and boxes; its results differ by rounding. A run's record
names it where it was loaded. ``CRYOBATCH_FFT=scipy`` leaves SciPy alone. What SciPy does as fast
(from half a spectrum to an image), or what no kernel asks for, is left to it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.fft
from scipy.fft import dctn, fft, idctn, ifft, irfft, irfft2, next_fast_len, rfft, rfft2

__all__ = [
    "dctn", "fft", "idctn", "ifft", "irfft", "irfft2", "next_fast_len", "rfft", "rfft2",
]  # fmt: skip

_CHOICE = "CRYOBATCH_FFT"
_REAL = (np.dtype("float32"), np.dtype("float64"))
_COMPLEX = (np.dtype("complex64"), np.dtype("complex128"))


def use_fastest() -> None:
    """Let this process transform with what is fastest here."""
    if os.environ.get(_CHOICE, "ducc0") == "ducc0" and find_spec("ducc0") is not None:
        scipy.fft.set_global_backend(_Ducc())
        # After a global one, this is asked for what that does not do.
        scipy.fft.register_backend("scipy")


class _Ducc:
    """A backend as ``scipy.fft.set_global_backend`` takes it; arrays are of any of its types."""

    __ua_domain__ = "numpy.scipy.fft"

    def __init__(self) -> None:
        self._library = import_module("ducc0").fft
        self._transforms: dict[str, Callable[..., Any]] = {
            "fft": self._fft, "ifft": self._ifft, "rfft": self._rfft, "rfft2": self._rfft2,
        }  # fmt: skip

    def __ua_function__(
        self, method: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Transform, or leave it to the next backend."""
        transform = self._transforms.get(method.__name__)
        return NotImplemented if transform is None else transform(*args, **kwargs)

    def _fft(self, x: Any, n: object = None, axis: int = -1, norm: object = None,
             overwrite_x: bool = False, workers: int | None = None) -> Any:  # fmt: skip
        return self._complex(x, (n, norm), axis, overwrite_x, workers, forward=True, inorm=0)

    def _ifft(self, x: Any, n: object = None, axis: int = -1, norm: object = None,
              overwrite_x: bool = False, workers: int | None = None) -> Any:  # fmt: skip
        return self._complex(x, (n, norm), axis, overwrite_x, workers, forward=False, inorm=2)

    def _rfft(self, x: Any, n: object = None, axis: int = -1, norm: object = None,
              overwrite_x: bool = False, workers: int | None = None) -> Any:  # fmt: skip
        return self._real(x, (n, norm), (axis,), workers)

    def _rfft2(self, x: Any, s: object = None, axes: Sequence[int] = (-2, -1),
               norm: object = None, overwrite_x: bool = False,
               workers: int | None = None) -> Any:  # fmt: skip
        return self._real(x, (s, norm), tuple(axes), workers)

    def _complex(
        self, x: Any, special: tuple[object, object], axis: int, overwrite: bool,
        workers: int | None, **how: object,
    ) -> Any:  # fmt: skip
        if special != (None, None) or not _is_array(x, _COMPLEX):
            return NotImplemented
        out = x if overwrite and x.flags.writeable else None
        return self._library.c2c(x, axes=(axis,), out=out, nthreads=_threads(workers), **how)

    def _real(
        self, x: Any, special: tuple[object, object], axes: tuple[int, ...], workers: int | None
    ) -> Any:
        if special != (None, None) or not _is_array(x, _REAL):
            return NotImplemented
        return self._library.r2c(x, axes=axes, nthreads=_threads(workers))


def _is_array(x: object, types: Sequence[np.dtype[Any]]) -> bool:
    return isinstance(x, np.ndarray) and x.dtype in types


def _threads(workers: int | None) -> int:
    return int(scipy.fft.get_workers()) if workers is None else max(1, workers)


use_fastest()
