//go:build unix && !linux

package jpeg2000

const mapNoReserve = 0
