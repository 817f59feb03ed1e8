package queue

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPullReadsTheIndex: every way in which a task is due is a range of the index, so that a pull costs the same whether a hundred tasks are done or
// a hundred million. A search by topic alone, or a sort of what it finds, would read them all.
func TestPullReadsTheIndex(t *testing.T) {
	q, err := Open(t.Context(), filepath.Join(t.TempDir(), "q.db"), Options{Topic: "t", Lease: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	s := q.(*sqlQueue)
	keys, args := s.dueKeys(1, time.Now().UnixMilli())
	rows, err := s.db.Read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+keys, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	ranges, sorts := 0, 0
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.Contains(detail, "tasks_due (topic=? AND state=? AND due"):
			ranges++
		case strings.Contains(detail, "tasks"):
			t.Errorf("reads more than a range: %s", detail)
		case strings.Contains(detail, "TEMP B-TREE"):
			sorts++
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if ranges != len(dueWays) || sorts != 1 { // the one sort is of the few that the ways give
		t.Errorf("%d ranges of the index for %d ways, %d sorts", ranges, len(dueWays), sorts)
	}
}
