// Package version says which build of cineloop this is.
package version

import "runtime/debug"

// Number is the release's version.
const Number = "0.1.0"

// String is the version with the commit it was built from, where the build recorded one.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Number
	}
	commit, dirty := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = ", changed"
			}
		}
	}
	if len(commit) < 12 {
		return Number
	}
	return Number + " (" + commit[:12] + dirty + ")"
}
