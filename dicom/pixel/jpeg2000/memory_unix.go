//go:build unix

package jpeg2000

import (
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// allocator backs an instance's memory by a mapping of its largest size, of which the system provides only the pages that are used.
// Growing needs no copy, the garbage collector sees none of it, and closing gives it back at once.
var allocator experimental.MemoryAllocator = experimental.MemoryAllocatorFunc(func(_, max uint64) experimental.LinearMemory {
	b, err := unix.Mmap(-1, 0, int(max), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|mapNoReserve)
	if err != nil {
		return &heap{max: max} // a process with little address space
	}
	return &mapping{b}
})

type mapping struct{ b []byte }

func (m *mapping) Reallocate(size uint64) []byte {
	if size > uint64(len(m.b)) {
		return nil
	}
	return m.b[:size:size]
}

func (m *mapping) Free() {
	if m.b != nil {
		_ = unix.Munmap(m.b) // it is ours and was mapped whole
		m.b = nil
	}
}

// heap is memory from Go's own.
type heap struct {
	b   []byte
	max uint64
}

func (h *heap) Reallocate(size uint64) []byte {
	if size > h.max {
		return nil
	}
	if size > uint64(cap(h.b)) {
		b := make([]byte, size, min(max(size, 2*uint64(cap(h.b))), h.max))
		copy(b, h.b)
		h.b = b
	}
	h.b = h.b[:size]
	return h.b
}

func (h *heap) Free() { h.b = nil }
