package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// small makes the process keep little memory, for workers of which many stand on one machine. One binary holds everything that the program can do, and when it
// starts its packages touch most of it: those pages are given back here, and come again, from the page cache, as far as the work needs them.
func small() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(100) // what a user's GOGC says comes first
	}
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return // no Linux
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range clean(maps, self) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	}
}

type mapping struct{ from, to uintptr }

// clean are the mappings of the file self that nothing was written to: their pages are the file's, and can be given back. A mapping that may be written to is
// none, nor one with pages of its own, as relocations make them.
func clean(smaps []byte, self string) (out []mapping) {
	var at mapping
	candidate := false
	for sc := bufio.NewScanner(bytes.NewReader(smaps)); sc.Scan(); {
		line := sc.Text()
		var m mapping
		var mode, offset, device, inode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s %s %s %s", &m.from, &m.to, &mode, &offset, &device, &inode); n == 6 && len(mode) == 4 {
			at, candidate = m, mode[0] == 'r' && mode[1] == '-' && strings.HasSuffix(line, " "+self)
			continue
		}
		if rest, ok := strings.CutPrefix(line, "Anonymous:"); ok && candidate && strings.TrimSpace(rest) == "0 kB" {
			out = append(out, at)
		}
	}
	return out
}
