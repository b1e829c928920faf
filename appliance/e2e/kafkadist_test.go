package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Apache Kafka itself, as clients/kafka/pom.xml names it: its broker and its tools are classes that Java runs.

// kafkaClasses is where Java is, and its arguments up to the class of the distribution to run. Logging above a level is not printed.
func kafkaClasses(t *testing.T, level string, options ...string) (java string, args []string) {
	t.Helper()
	java = installed(t, "java", "default-jre-headless")
	classes, err := os.ReadFile(filepath.Join("clients", "kafka", "classpath.txt"))
	if err != nil {
		missing(t, "Apache Kafka", "appliance/e2e/clients/install.sh")
	}
	for _, jar := range filepath.SplitList(string(classes)) {
		if _, err := os.Stat(jar); err != nil {
			missing(t, "a part of Apache Kafka", "appliance/e2e/clients/install.sh")
		}
	}
	return java, append(slices.Clone(options), "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel="+level, "-cp", string(classes))
}

// kafkaTool runs a class of the distribution to its end.
func kafkaTool(t *testing.T, class string, args ...string) (out, errs string) {
	t.Helper()
	java, all := kafkaClasses(t, "error", "-Xmx256m", "-XX:TieredStopAtLevel=1")
	c := startClient(t, "", java, append(append(all, class), args...)...)
	return c.wait(), c.errs.String()
}

// consoleConsumer reads a topic from its beginning with the distribution's console consumer, until it has n records or none came for a
// while. It returns the lines it printed, a record in each as the options say: "--formatter-property", "print.key=true".
func consoleConsumer(t *testing.T, address, topic string, n int, idle time.Duration, options ...string) []string {
	t.Helper()
	out, errs := kafkaTool(t, "org.apache.kafka.tools.consumer.ConsoleConsumer", append([]string{"--bootstrap-server", address, "--topic", topic,
		"--from-beginning", "--max-messages", strconv.Itoa(n), "--timeout-ms", strconv.FormatInt(idle.Milliseconds(), 10)}, options...)...)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if out == "" {
		lines = nil
	}
	if !strings.HasSuffix(errs, "Processed a total of "+strconv.Itoa(len(lines))+" messages\n") {
		t.Fatalf("the console consumer printed %d lines, and says:\n%s", len(lines), errs)
	}
	return lines
}
