package main

import (
	"os"
	"slices"
	"testing"
)

const someMaps = `00402000-02948000 r-xp 00002000 fe:00 10307680                           /usr/bin/cineloop
Size:              38168 kB
Rss:               32532 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me 
02948000-053e8000 r--p 02548000 fe:00 10307680                           /usr/bin/cineloop
Rss:               40320 kB
Anonymous:             8 kB
053e9000-058c1000 rw-p 04fe8000 fe:00 10307680                           /usr/bin/cineloop
Anonymous:             0 kB
06000000-06001000 r--p 05000000 fe:00 10307680                           /usr/bin/cineloop
Anonymous:             0 kB
06001000-06002000 ---p 05000000 fe:00 10307680                           /usr/bin/cineloop
Anonymous:             0 kB
7f2bd81b2000-7f2bd8308000 r-xp 00026000 fe:00 326269                     /usr/lib/libc.so.6
Anonymous:             0 kB
7f2bd8308000-7f2bd8309000 r--p 00000000 00:00 0 
Anonymous:             0 kB
`

// Only what is the file's alone, and can't be written to, may go: not the second mapping, which has pages of its own, and not those of others.
func TestCleanMappings(t *testing.T) {
	got := clean([]byte(someMaps), "/usr/bin/cineloop")
	want := []mapping{{0x402000, 0x2948000}, {0x6000000, 0x6001000}}
	if !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	if got := clean([]byte(someMaps), "/usr/bin/cine"); got != nil {
		t.Errorf("another program's: %x", got)
	}
	if got := clean([]byte("Anonymous: 0 kB\n\nnonsense\n"), ""); got != nil {
		t.Errorf("no mapping at all: %x", got)
	}
}

// The program goes on as before when its pages were given back, and some were there to give.
func TestSmall(t *testing.T) {
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip("no /proc/self/smaps")
	}
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if len(clean(maps, self)) == 0 {
		t.Error("no mapping of the program's own file is clean: the form of smaps is another one?")
	}
	for range 3 {
		small()
	}
	TestCleanMappings(t)
}
