package cohort

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// shardStore is a folder of shards that all processes of a machine share: what one has decoded, the others map.
//
// Records are appended under a lock on the folder's lock file, by one process at a time, and never change. Every process maps the shards
// for reading and learns of new records when it misses one, so clips are in memory once however many processes train. A record that a
// process cannot trust (its checksum is wrong, the disk fails, the file was cut) is forgotten there and its clip decoded again.
//
// The folder's size is bounded. When it is full, whole shards that no process has used since it began are removed, the oldest first
// (a shard in use is locked, and the system unlocks it when its process ends, however that is); if there are none, new clips are not kept.
type shardStore struct {
	dir   string
	limit int64 // bytes of all shards; 0: none
	size  int64 // of a shard, at which another is begun

	mu      sync.Mutex
	shards  map[string]*shard
	index   map[sourceKey]place
	scratch []byte
	began   time.Time
}

// place is where a record lies.
type place struct {
	s    *shard
	at   int64
	info recordInfo
}

// shard is an open file of records.
type shard struct {
	name    string
	file    *os.File
	mem     []byte // mapped, maybe beyond the end of the file
	scanned int64  // records before here are in the index
	broken  bool   // what follows cannot be read: nothing is appended
	held    bool   // locked against removal by other processes
}

// shardBytes is the size at which a shard is full: large enough for few files, small enough to be removed without much loss.
const shardBytes = 256 << 20

const (
	shardSuffix = ".shard"
	lockName    = "lock"
)

func openShards(dir string, limit, size int64) (*shardStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Input, "making the cache folder: %w", err)
	}
	if !canMap {
		return nil, fault.New(fault.Missing, "this system has no memory-mapped caches").WithHint("leave the cache folder out; clips are then kept in memory")
	}
	s := &shardStore{dir: dir, limit: limit, size: size, shards: map[string]*shard{}, index: map[sourceKey]place{}, began: time.Now()}
	if err := s.refresh(); err != nil {
		s.close()
		return nil, fault.New(fault.Input, "reading the cache folder: %w", err)
	}
	return s, nil
}

// get is the clip of key, or nil; damaged says that a record was there and was not what had been written.
func (s *shardStore) get(key sourceKey) (c *clip.Clip, damaged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.index[key]
	if !ok {
		if s.refresh() != nil {
			return nil, false
		}
		if p, ok = s.index[key]; !ok {
			return nil, false
		}
	}
	c, err := s.load(p, true)
	if err != nil {
		delete(s.index, key)
		return nil, true
	}
	return c, false
}

// forget drops a record that turned out not to be readable.
func (s *shardStore) forget(key sourceKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.index, key)
}

// load gives the clip at p, whose samples lie in the shard. A file that was cut short behind our back gives an error, not a crash.
func (s *shardStore) load(p place, check bool) (c *clip.Clip, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			c, err = nil, fmt.Errorf("the shard cannot be read: %v", v)
		}
	}()
	if !p.s.held {
		if err := lockFile(p.s.file, false, false); err != nil {
			return nil, err
		}
		p.s.held = true
	}
	return parseRecord(p.s.mem[p.at:p.at+p.info.size()], p.info, check)
}

// put keeps c and gives it as it lies in the shard; nil where it is not kept, because there is no room or the disk fails.
func (s *shardStore) put(key sourceKey, c *clip.Clip) *clip.Clip {
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := s.lock()
	if err != nil {
		return nil
	}
	defer unlock()
	if s.refresh() != nil {
		return nil
	}
	if p, ok := s.index[key]; ok { // another process was faster
		if c, err := s.load(p, true); err == nil {
			return c
		}
		delete(s.index, key)
	}
	b, err := appendRecord(s.scratch[:0], key, c)
	if err != nil {
		return nil
	}
	defer func() {
		if s.scratch = b[:0]; cap(b) > 1<<26 { // one huge clip does not set the memory of all
			s.scratch = nil
		}
	}()
	need := int64(len(b))
	if !s.makeRoom(need) {
		return nil
	}
	sh, err := s.current(need)
	if err != nil {
		return nil
	}
	at := sh.scanned
	if _, err := sh.file.WriteAt(b, at); err != nil {
		_ = sh.file.Truncate(at) // nobody has looked beyond
		return nil
	}
	if err := s.scan(sh); err != nil {
		return nil
	}
	p, ok := s.index[key]
	if !ok {
		return nil
	}
	kept, err := s.load(p, false)
	if err != nil {
		return nil
	}
	return kept
}

// lock takes the folder's lock, which one process and one goroutine holds at a time.
func (s *shardStore) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f, true, false); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// refresh opens shards that are new and indexes records that are.
func (s *shardStore) refresh() error {
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+shardSuffix))
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		sh := s.shards[name]
		if sh == nil {
			if sh, err = openShard(name, s.size); errors.Is(err, os.ErrNotExist) {
				continue // removed meanwhile
			} else if err != nil {
				return err
			}
			s.shards[name] = sh
		}
		if err := s.scan(sh); err != nil {
			return err
		}
	}
	return nil
}

func openShard(name string, size int64) (*shard, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		var mem []byte
		if mem, err = mapFile(f, max(size, st.Size())); err == nil {
			return &shard{name: name, file: f, mem: mem}, nil
		}
	}
	f.Close()
	return nil, err
}

// scan indexes the records that were appended since the last look. It reads heads through the file: a file that shrinks gives an error
// here, where a mapping would give a fault.
func (s *shardStore) scan(sh *shard) error {
	st, err := sh.file.Stat()
	if err != nil {
		return err
	}
	end := min(st.Size(), int64(len(sh.mem)))
	var head [recordHead]byte
	if sh.scanned == 0 && !sh.broken {
		if end < recordHead {
			return nil // being made
		}
		if _, err := sh.file.ReadAt(head[:], 0); err != nil || string(head[:len(shardMagic)]) != shardMagic {
			sh.broken = true
			return nil
		}
		sh.scanned = recordHead
	}
	for !sh.broken && sh.scanned < end {
		n, _ := sh.file.ReadAt(head[:], sh.scanned)
		r, err := parseHead(head[:n], end-sh.scanned)
		if errors.Is(err, errPartial) {
			return nil
		}
		if err != nil {
			sh.broken = true
			return nil
		}
		s.index[r.key] = place{sh, sh.scanned, r}
		sh.scanned += r.size()
	}
	return nil
}

// current is a shard with room for need bytes after its last record; the lock is held.
func (s *shardStore) current(need int64) (*shard, error) {
	last := 0
	for _, name := range sortedNames(s.shards) {
		sh := s.shards[name]
		var n int
		if _, err := fmt.Sscanf(filepath.Base(name), "%d", &n); err == nil {
			last = max(last, n)
		}
		if sh.broken || sh.scanned == 0 || sh.scanned+need > int64(len(sh.mem)) || sh.scanned+need > s.size {
			continue
		}
		// What follows the last record was left by a writer that died.
		if st, err := sh.file.Stat(); err != nil || st.Size() > sh.scanned && sh.file.Truncate(sh.scanned) != nil {
			continue
		}
		return sh, nil
	}
	name := filepath.Join(s.dir, fmt.Sprintf("%06d%s", last+1, shardSuffix))
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	var head [recordHead]byte
	copy(head[:], shardMagic)
	_, err = f.Write(head[:])
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(name)
		return nil, err
	}
	sh, err := openShard(name, max(s.size, recordHead+need))
	if err != nil {
		return nil, err
	}
	s.shards[name] = sh
	return sh, s.scan(sh)
}

// makeRoom says whether need bytes more fit the bound, after removing old shards that nobody uses where they must; the lock is held.
func (s *shardStore) makeRoom(need int64) bool {
	if s.limit == 0 {
		return true
	}
	type old struct {
		name string
		size int64
		time time.Time
	}
	var all []old
	total := int64(0)
	for name, sh := range s.shards {
		st, err := os.Stat(name)
		if err != nil {
			continue
		}
		total += st.Size()
		if !sh.held && st.ModTime().Before(s.began) {
			all = append(all, old{name, st.Size(), st.ModTime()})
		}
	}
	need += recordHead // of a shard that may have to be begun
	if need > s.limit {
		return false
	}
	slices.SortFunc(all, func(a, b old) int { return a.time.Compare(b.time) })
	for _, o := range all {
		if total+need <= s.limit {
			break
		}
		sh := s.shards[o.name]
		if lockFile(sh.file, true, true) != nil {
			continue // another process uses it
		}
		if os.Remove(o.name) != nil {
			continue
		}
		total -= o.size
		for key, p := range s.index {
			if p.s == sh {
				delete(s.index, key)
			}
		}
		sh.close()
		delete(s.shards, o.name)
	}
	return total+need <= s.limit
}

// used is the bytes of all shards.
func (s *shardStore) used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := int64(0)
	for name := range s.shards {
		if st, err := os.Stat(name); err == nil {
			total += st.Size()
		}
	}
	return total
}

// close unmaps everything: clips that came from the store must not be used after.
func (s *shardStore) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shards {
		sh.close()
	}
	s.shards, s.index = map[string]*shard{}, map[sourceKey]place{}
}

func (sh *shard) close() {
	unmapFile(sh.mem)
	sh.file.Close()
}

func sortedNames(m map[string]*shard) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
