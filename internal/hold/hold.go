// Package hold keeps a file locked while its holder lives: when the process ends, however it ends, the lock is free.
package hold

import "errors"

// ErrHeld says that another holds the file.
var ErrHeld = errors.New("held by another")
