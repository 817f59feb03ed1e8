// Package judges starts the programs of others that tests hold ours against: [Orthanc], a PACS, and [OHIF], a viewer. A test whose program is not there is
// skipped with a word. [Readings] holds exported reports against what was drawn, by three readers that share nothing with this project.
package judges
