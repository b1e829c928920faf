// Package catalog is what the appliance has been told and must not forget: today, which members of a topic's events are its
// time and its shard key.
//
// It is one small file, catalog.json, read at start and replaced whole at every change:
//
//	{
//	  "version": 1,
//	  "topics": {
//	    "cooltopic": {"time_column": "ts", "time_format": "milliseconds", "shard_key": "sk"}
//	  }
//	}
//
// A change is written to catalog.json.tmp, synced, renamed over catalog.json, and the directory is synced before the change is
// reported done: a power cut leaves the old file or the new one, whole. A left-over catalog.json.tmp is a change nobody was told
// about; it is ignored and overwritten by the next.
//
// A file of another version, or one that does not read, stops the start with an error that names it. It is never wiped, and an
// unknown member is not dropped either: rewriting the file would lose what a newer version put there.
package catalog
