package catalog

import "context"

// OpenAt makes a catalog of an older schema version, for tests of migration.
func OpenAt(ctx context.Context, location string, version int64) error {
	c, err := openAt(ctx, location, version)
	if err != nil {
		return err
	}
	return c.Close()
}
