package cohort

import (
	"errors"
	"math/rand/v2"
)

// clipAt is a clip of a study: its row and slot.
type clipAt struct{ row, slot int }

// errNoClip is the error of a study none of whose clips can be read.
var errNoClip = errors.New("no clip of the study can be read")

// readStudy fills the slots of a study. A clip that cannot be read is quarantined and its slot holds nothing; in training some clips are left
// out at random, without being decoded. Where none of those chosen can be read, the others are.
func (p *pipeline) readStudy(j job, row int, stream draws) error {
	l := p.l
	clips := l.c.Rows[row].Clips
	v := len(clips)
	var have []int
	for slot, c := range clips {
		if c.Path != "" {
			have = append(have, slot)
		}
	}
	chosen := have
	if l.cfg.Train && l.cfg.ViewDrop > 0 && stream != nil {
		chosen = leaveOut(have, l.cfg.ViewDrop, stream("views"))
	}
	for i := j.at; i < j.end; i++ {
		clear(j.w.buf[i*l.item : (i+1)*l.item])
		clear(j.w.there[i*v : (i+1)*v])
	}
	any := false
	for _, some := range [][]int{chosen, have} {
		for _, slot := range some {
			ok, err := p.readSlot(j, clipAt{row, slot}, clips[slot], stream)
			if err != nil {
				return err
			}
			any = any || ok
		}
		if any {
			return nil
		}
	}
	return errNoClip
}

// readSlot fills one slot of a study; false where its clip cannot be read.
func (p *pipeline) readSlot(j job, at clipAt, c ClipOf, stream draws) (bool, error) {
	l := p.l
	l.mu.Lock()
	known := l.badClips[at]
	l.mu.Unlock()
	if known {
		return false, nil
	}
	v := len(l.c.Slots)
	err := p.readClip(j, c.Path, at.slot, stream)
	if err == nil {
		for i := j.at; i < j.end; i++ {
			j.w.there[i*v+at.slot] = true
		}
		return true, nil
	}
	if fatal(p.ctx, err) {
		return false, err
	}
	for i := j.at; i < j.end; i++ { // what was prepared before it failed
		clear(j.w.buf[i*l.item+at.slot*l.clip : i*l.item+(at.slot+1)*l.clip])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.badClips[at] {
		l.badClips[at] = true
		l.quarantine = append(l.quarantine, Quarantine{c.Line, c.ID, WithoutPath(err, c.Path)})
	}
	return false, nil
}

// leaveOut leaves each of slots out with probability p; all but one, drawn at random, where none would be left.
func leaveOut(slots []int, p float64, rng *rand.Rand) []int {
	var kept []int
	for _, s := range slots {
		if rng.Float64() >= p {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		kept = append(kept, slots[rng.IntN(len(slots))])
	}
	return kept
}
