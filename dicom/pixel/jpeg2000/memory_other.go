//go:build !unix

package jpeg2000

import "github.com/tetratelabs/wazero/experimental"

var allocator experimental.MemoryAllocator // nil: wazero's own
