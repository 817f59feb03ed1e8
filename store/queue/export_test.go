package queue

import "time"

// Pauses are those after the given attempts.
func Pauses(o Options, attempts ...int) (out []time.Duration) {
	for _, a := range attempts {
		out = append(out, o.pause(a))
	}
	return out
}
