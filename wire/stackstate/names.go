package stackstate

import "bytes"

// What names cannot start with [D]. The documents speak of prefixes, so that "hostile" is forbidden as well as "host.cpu"; and of
// no case, so that "Host" is allowed [decided].
var (
	forbiddenMetrics = []string{"host", "name", "timestamp", "timeReceived", "labels", "tags", "values"}
	forbiddenEvents  = []string{"eventType", "host", "labels", "message", "name", "tags", "timeReceived", "timestamp", "title"}
)

// allowed reports whether a name may be that of a metric or an event.
func allowed(name []byte, forbidden []string) bool {
	for _, prefix := range forbidden {
		if bytes.HasPrefix(name, []byte(prefix)) {
			return false
		}
	}
	return len(name) > 0
}
