package reading

import (
	"sync/atomic"
	"time"
)

// clock is a server's time in a test, which the server looks at while the test turns it.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock() *clock {
	c := new(clock)
	now := time.Now()
	c.at.Store(&now)
	return c
}

func (c *clock) now() time.Time { return *c.at.Load() }

func (c *clock) add(d time.Duration) {
	now := c.now().Add(d)
	c.at.Store(&now)
}
