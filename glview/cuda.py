"""NVIDIA's driver, as far as two processes and OpenGL need it to share a picture on the card.

By ctypes, so that nothing is to be installed.  Signatures, structures and rules are those of the
CUDA Driver API, 12.9: docs.nvidia.com/cuda/cuda-driver-api, cuda.h and cudaGL.h, whose macros give
the names their _v2.  Linux, like the pipes to the detector's process.
"""

import ctypes
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_ubyte, c_uint, c_uint64, c_void_p

LIBRARY = "libcuda.so.1"
DEVICES = 16  # of one OpenGL context, at most
ALL_DEVICES = 1  # CU_GL_DEVICE_LIST_ALL
HOST, DEVICE = 1, 2  # CU_MEMORYTYPE_...
PEER_ACCESS = 1  # CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS: the only value there is
WRITE_DISCARD = 2  # CU_GRAPHICS_REGISTER_FLAGS_...
BLOCK = 2 << 20  # of smaller pieces the driver would share what lies beside them, too
SPARE = 8  # times what is taken must be free: the network needs memory more


class CudaError(Exception):
    """The driver is not there or refused something; the message says what."""


class Handle(ctypes.Structure):
    """CUipcMemHandle: names memory to another process."""

    _fields_ = [("reserved", c_ubyte * 64)]


class Copy(ctypes.Structure):
    """CUDA_MEMCPY2D."""

    _fields_ = [
        ("srcXInBytes", c_size_t), ("srcY", c_size_t), ("srcMemoryType", c_int),
        ("srcHost", c_void_p), ("srcDevice", c_uint64), ("srcArray", c_void_p),
        ("srcPitch", c_size_t),
        ("dstXInBytes", c_size_t), ("dstY", c_size_t), ("dstMemoryType", c_int),
        ("dstHost", c_void_p), ("dstDevice", c_uint64), ("dstArray", c_void_p),
        ("dstPitch", c_size_t),
        ("WidthInBytes", c_size_t), ("Height", c_size_t),
    ]


SIGNATURES = {  # all return a CUresult, 0 if it went well
    "cuInit": (c_uint,),
    "cuGetErrorName": (c_int, POINTER(c_char_p)),
    "cuDeviceGetCount": (POINTER(c_int),),
    "cuDeviceGet": (POINTER(c_int), c_int),
    "cuGLGetDevices_v2": (POINTER(c_uint), POINTER(c_int), c_uint, c_int),
    "cuDevicePrimaryCtxRetain": (POINTER(c_void_p), c_int),
    "cuCtxSetCurrent": (c_void_p,),
    "cuCtxSynchronize": (),
    "cuMemGetInfo_v2": (POINTER(c_size_t), POINTER(c_size_t)),
    "cuMemAlloc_v2": (POINTER(c_uint64), c_size_t),
    "cuMemFree_v2": (c_uint64,),
    "cuMemcpy2DUnaligned_v2": (POINTER(Copy),),
    "cuIpcGetMemHandle": (POINTER(Handle), c_uint64),
    "cuIpcOpenMemHandle_v2": (POINTER(c_uint64), Handle, c_uint),
    "cuGraphicsGLRegisterBuffer": (POINTER(c_void_p), c_uint, c_uint),
    "cuGraphicsUnregisterResource": (c_void_p,),
    "cuGraphicsMapResources": (c_uint, POINTER(c_void_p), c_void_p),
    "cuGraphicsUnmapResources": (c_uint, POINTER(c_void_p), c_void_p),
    "cuGraphicsResourceGetMappedPointer_v2": (POINTER(c_uint64), POINTER(c_size_t), c_void_p),
}


class Driver:
    """The driver's functions, on one card.

    Whatever it refuses raises CudaError.  Addresses are ints.
    """

    def __init__(self):
        self._functions, self.context = {}, None
        try:
            library = ctypes.CDLL(LIBRARY)
            for name, kinds in SIGNATURES.items():
                self._functions[name] = function = getattr(library, name)
                function.argtypes, function.restype = kinds, c_int
        except (OSError, AttributeError) as error:
            raise CudaError(f"there is no CUDA driver here, or an old one ({error})") from error
        self._call("cuInit", 0)

    def _call(self, name, *arguments):
        code = self._functions[name](*arguments)
        if code:
            text = c_char_p()
            self._functions["cuGetErrorName"](code, text)
            raise CudaError(f"{name}: {(text.value or b'error').decode()} ({code})")

    def _get(self, name, kind, *arguments):
        """What a function puts where its first argument points to."""
        made = kind()
        self._call(name, made, *arguments)
        return made.value

    def drawing(self):
        """Ordinals of the cards that draw in the OpenGL context which is current."""
        count, found = c_uint(), (c_int * DEVICES)()
        self._call("cuGLGetDevices_v2", count, found, DEVICES, ALL_DEVICES)
        devices = found[: count.value]
        return [ordinal for ordinal in range(self._get("cuDeviceGetCount", c_int))
                if self._get("cuDeviceGet", c_int, ordinal) in devices]

    def use(self, ordinal):
        """Work on that card from now on, in the context that torch has there, too."""
        device = self._get("cuDeviceGet", c_int, ordinal)
        self.context = self._get("cuDevicePrimaryCtxRetain", c_void_p, device)
        self.enter()

    def enter(self):
        """Before the other functions: a thread has a context of its own."""
        self._call("cuCtxSetCurrent", self.context)

    def wait(self):
        """Until all that was begun is done."""
        self._call("cuCtxSynchronize")

    def take(self, nbytes):
        """Address of new memory, which can be shared."""
        free = c_size_t()
        self._call("cuMemGetInfo_v2", free, c_size_t())
        nbytes = -(-nbytes // BLOCK) * BLOCK
        if free.value < SPARE * nbytes:
            raise CudaError(f"the card has only {free.value >> 20} MB to spare")
        return self._get("cuMemAlloc_v2", c_uint64, nbytes)

    def free(self, address):
        """Give `take`n memory back, which nobody else may have open any more."""
        self._call("cuMemFree_v2", address)

    def share(self, address):
        """A text by which another process can `open` what was `take`n."""
        handle = Handle()
        self._call("cuIpcGetMemHandle", handle, address)
        return bytes(handle).hex()

    def open(self, text):
        """Address of another process's memory, for as long as this process lives."""
        handle = Handle.from_buffer_copy(bytes.fromhex(text))
        return self._get("cuIpcOpenMemHandle_v2", c_uint64, handle, PEER_ACCESS)

    def copy(self, height, width, source, target, kind=DEVICE):
        """Copy rows of `width` bytes; source, target: (address, bytes from row to row).

        kind: of the source; the target is on the card.  It may still be going on afterwards.
        """
        # Not cuMemcpy2D, which may refuse rows that are not as far apart as the driver likes.
        self._call("cuMemcpy2DUnaligned_v2", Copy(
            srcMemoryType=kind, dstMemoryType=DEVICE, WidthInBytes=width, Height=height,
            **{"srcHost" if kind == HOST else "srcDevice": source[0]}, srcPitch=source[1],
            dstDevice=target[0], dstPitch=target[1]))

    def register(self, buffer):
        """What `mapped` needs to know of an OpenGL buffer, which is written only."""
        return self._get("cuGraphicsGLRegisterBuffer", c_void_p, buffer, WRITE_DISCARD)

    def unregister(self, resource):
        """Before the buffer is released."""
        self._call("cuGraphicsUnregisterResource", resource)

    @contextmanager
    def mapped(self, resource, nbytes):
        """The buffer's address, while OpenGL leaves it alone; copies are done before OpenGL goes
        on.  Raises CudaError, too, where it has less than nbytes."""
        one, size, address = c_void_p(resource), c_size_t(), c_uint64()
        self._call("cuGraphicsMapResources", 1, one, None)
        try:
            self._call("cuGraphicsResourceGetMappedPointer_v2", address, size, resource)
            if size.value < nbytes:
                raise CudaError(f"the buffer has {size.value} bytes instead of {nbytes}")
            yield address.value
        finally:
            self._call("cuGraphicsUnmapResources", 1, one, None)


class Borrowed:
    """A whole frame of float32, `width` in a row, in memory that another process lent.

    It is let go of when this process ends.  ticket: that one's `gl.lent.Lent.ticket`.  Raises
    CudaError.
    """

    def __init__(self, ticket, width):
        self._row, self._driver = 4 * width, Driver()
        self._driver.use(ticket["device"])
        self._address = self._driver.open(ticket["handle"])

    def put(self, box, address, row):
        """Copy the box (y0, x0, y1, x1) from this process's memory on the card, where its rows are
        `row` bytes apart; it is there when this returns."""
        y0, x0, y1, x1 = box
        self._driver.enter()
        self._driver.copy(y1 - y0, 4 * (x1 - x0), (address, row),
                          (self._address + y0 * self._row + 4 * x0, self._row))
        self._driver.wait()
