package object

import (
	"sync"
	"time"
	"unsafe"
)

// A block is memory that content gathers in on its way to the disk. It begins at a page, so that a write can go past the system's
// cache: copying into fresh pages of the cache is most of what a buffered write costs, and nobody reads them soon. A content that fits
// into one block is not written at all if the store turns out to have it.
const (
	blockSize  = 1 << 20 // bytes; most slices and short loops fit
	blockAlign = 4096    // of memory, offsets and lengths of writes past the cache: the sector size of all but exotic disks
	blocksMost = 64      // at once, for all stores of the process
	blockWait  = 50 * time.Millisecond
)

var (
	blockMemory = sync.Pool{New: func() any { b := alignedBlock(); return &b }}
	blockSlots  = make(chan struct{}, blocksMost)
)

func alignedBlock() []byte {
	b := make([]byte, blockSize+blockAlign)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (blockAlign - 1)
	return b[skip : skip+blockSize : skip+blockSize]
}

// takeBlock gives a block, or nil where all stay taken for a while: slow sources must not hold up fast ones, and do without.
func takeBlock() []byte {
	select {
	case blockSlots <- struct{}{}:
	default:
		wait := time.NewTimer(blockWait)
		defer wait.Stop()
		select {
		case blockSlots <- struct{}{}:
		case <-wait.C:
			return nil
		}
	}
	return *blockMemory.Get().(*[]byte)
}

func returnBlock(b []byte) {
	blockMemory.Put(&b)
	<-blockSlots
}
