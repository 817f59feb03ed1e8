// Package sqldb opens the two databases that Cineloop keeps its records in, SQLite and PostgreSQL, so that one SQL text serves both.
//
// Statements use ? for parameters; schema files write {{text}} for a string column that sorts
// by bytes and {{bytes}} for one of bytes. What differs beyond that
// (locks, clocks, errors worth a retry) is asked of [DB] by name.
package sqldb
