package reading

import (
	"hash/maphash"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// attempts slow guessing down, by address and by name. A success costs nothing. Addresses and names fall into a fixed number of buckets by a
// keyed hash: their number neither grows nor is ever forgotten, whatever names are made up, and an unknown name is slowed down like a known
// one. Two that share a bucket, which nobody outside can bring about, slow each other.
type attempts struct {
	mu      sync.Mutex
	seed    maphash.Seed
	buckets [3][]*rate.Limiter // by what is counted
	known   []uint64           // hashes of who was right, and from where
}

const attemptBuckets = 1 << 14

// What attempts are counted by.
const (
	byAddress = iota
	byName
	byBeginning // address; of logins that an issuer has to answer
)

// howOften attempts may be made, and how many at once.
var howOften = [3]struct {
	every time.Duration
	burst int
}{{6 * time.Second, 10}, {15 * time.Second, 20}, {time.Second, 60}}

// take is one attempt; back gives it back. ok is false where there were too many.
func (a *attempts) take(by int, key string, now time.Time) (back func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.buckets[by] == nil {
		if a.seed == (maphash.Seed{}) {
			a.seed = maphash.MakeSeed()
		}
		a.buckets[by] = make([]*rate.Limiter, attemptBuckets)
	}
	i := maphash.String(a.seed, key) % attemptBuckets
	l := a.buckets[by][i]
	if l == nil {
		l = rate.NewLimiter(rate.Every(howOften[by].every), howOften[by].burst)
		a.buckets[by][i] = l
	}
	r := l.ReserveN(now, 1)
	if r.DelayFrom(now) > 0 {
		r.CancelAt(now)
		return nil, false
	}
	return func() { r.CancelAt(now) }, true
}

// origin is whom an address belongs to: the address, or of IPv6 its network of 64 bits, which one subscriber has whole.
func origin(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if a = a.Unmap(); a.Is6() {
		p, _ := a.WithZone("").Prefix(64)
		return p.String()
	}
	return a.String()
}

// pair is who tries from where, as a hash.
func (a *attempts) pair(name, from string) uint64 {
	if a.known == nil {
		if a.seed == (maphash.Seed{}) {
			a.seed = maphash.MakeSeed()
		}
		a.known = make([]uint64, attemptBuckets)
	}
	return maphash.String(a.seed, name+"\x00"+from)
}

// isKnown says whether name was right from there before.
func (a *attempts) isKnown(name, from string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.pair(name, from)
	return a.known[h%attemptBuckets] == h
}

func (a *attempts) right(name, from string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.pair(name, from)
	a.known[h%attemptBuckets] = h
}

// attempt counts a try to prove that one is name; back takes it off the count when it was right. Who was right from the same address before is not counted by
// name: otherwise whoever guesses, elsewhere, could keep them out. Code resource where there were too many.
func (s *Server) attempt(r *http.Request, name string) (back func(), err error) {
	now := s.now()
	from, ok := s.attempts.take(byAddress, origin(r.RemoteAddr), now)
	if !ok {
		return nil, errOften
	}
	as := func() {}
	if !s.attempts.isKnown(name, origin(r.RemoteAddr)) {
		if as, ok = s.attempts.take(byName, name, now); !ok {
			return nil, errOften
		}
	}
	return func() {
		from()
		as()
		s.attempts.right(name, origin(r.RemoteAddr))
	}, nil
}
