package object

import (
	"sync/atomic"

	"github.com/cineloop/cineloop/internal/fault"
)

// Budget is a limit in bytes shared by all writers of a store. Bytes are taken while a content streams in and given back when it
// turns out to be there already or is dropped.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget allows limit bytes, of which used are taken; limit 0 is no limit.
func NewBudget(limit, used int64) *Budget {
	b := &Budget{limit: limit}
	b.used.Store(used)
	return b
}

// Used is the number of bytes taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// Return gives back n bytes, as after a removal.
func (b *Budget) Return(n int64) { b.used.Add(-n) }

func (b *Budget) take(n int64) error {
	if used := b.used.Add(n); b.limit > 0 && used > b.limit {
		b.used.Add(-n)
		return fault.New(fault.Resource, "the store's quota of %d bytes is used up", b.limit).
			WithHint("raise the quota, or apply retention and then collect garbage")
	}
	return nil
}
