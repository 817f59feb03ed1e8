// Package stats holds the statistics that all rooms share: seeded random streams, bootstrap and DeLong intervals, rank tests.
package stats
