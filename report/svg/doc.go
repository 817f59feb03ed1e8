// Package svg draws the charts of reports: axes, lines, dots, bands and whiskers on a plane, as inline SVG for an HTML page.
//
// A [Plot] is a value that turns into markup with [Plot.SVG]: the same plot gives the same bytes. Colours are classes (s1…s6, muted)
// that the page's style sheet gives a meaning in light, dark and print; nothing is scripted. Every plot carries its title and a
// description for readers who cannot see it. All text is escaped.
package svg
