// Package lint holds the house rules as ordinary tests: who may import whom, a package comment everywhere, files that stay short.
//
// The floors stand in one table, [Rooms]. To add a room, add a line there and say why in docs/decisions.
package lint
