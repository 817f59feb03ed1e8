//go:build !linux

package storetest

func memory(string) bool { return false }
