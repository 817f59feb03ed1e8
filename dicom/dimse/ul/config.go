package ul

import "time"

// Config bounds an association in time and space. Zero fields get the defaults.
type Config struct {
	MaxLength  uint32        // bytes of a P-DATA-TF body that is taken, announced to the peer; 128 KiB
	SendLength uint32        // bytes of a P-DATA-TF body that is sent, if the peer takes as many; 128 KiB
	ARTIM      time.Duration // the standard's timer: for a request after connecting, for closing after the end; 30 s
	Response   time.Duration // for the answer to a request for association or release; 60 s
	Idle       time.Duration // for the next unit while nothing is under way; 10 min
	Transfer   time.Duration // for one unit from its first byte to its last, either way; 30 s
}

// Defaults are what Config's zero fields mean.
var Defaults = Config{
	MaxLength: 128 << 10, SendLength: 128 << 10,
	ARTIM: 30 * time.Second, Response: time.Minute, Idle: 10 * time.Minute, Transfer: 30 * time.Second,
}

// leastLength is the shortest unit that a peer may ask for; below it every byte would cost more than itself in headers.
const leastLength = 64

func (c Config) filled() Config {
	c.MaxLength = or(c.MaxLength, Defaults.MaxLength)
	c.SendLength = or(c.SendLength, Defaults.SendLength)
	c.ARTIM = or(c.ARTIM, Defaults.ARTIM)
	c.Response = or(c.Response, Defaults.Response)
	c.Idle = or(c.Idle, Defaults.Idle)
	c.Transfer = or(c.Transfer, Defaults.Transfer)
	return c
}

func or[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}
