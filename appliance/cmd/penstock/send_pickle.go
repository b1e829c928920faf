package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// sendPickles sends 'name value timestamp' lines as frames of pickle protocol 2: [(name, (timestamp, value)), …].
func sendPickles(cmd *cobra.Command, args []string, at string) error {
	conn, err := net.DialTimeout("tcp", at, 5*time.Second)
	if err != nil {
		return fmt.Errorf("cannot reach %s: %w", at, err)
	}
	defer conn.Close()
	sent := 0
	err = inBatches(cmd, args, func(first int, lines [][]byte) error {
		frame := append(make([]byte, 4, 64<<10), 0x80, 2, ']', '(')
		for i, line := range lines {
			words := bytes.Fields(line)
			if len(words) != 3 {
				return fmt.Errorf("line %d has %d words: write name, value and timestamp", first+i, len(words))
			}
			value, err := strconv.ParseFloat(string(words[1]), 64)
			if err != nil {
				return fmt.Errorf("line %d: the value is no number", first+i)
			}
			at, err := strconv.ParseInt(string(words[2]), 10, 32)
			if err != nil {
				return fmt.Errorf("line %d: the timestamp is no whole number of seconds", first+i)
			}
			frame = append(frame, 'X')
			frame = binary.LittleEndian.AppendUint32(frame, uint32(len(words[0])))
			frame = append(append(frame, words[0]...), 'J')
			frame = binary.LittleEndian.AppendUint32(frame, uint32(at))
			frame = binary.BigEndian.AppendUint64(append(frame, 'G'), math.Float64bits(value))
			frame = append(frame, 0x86, 0x86)
		}
		frame = append(frame, 'e', '.')
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
		sent += len(lines)
		_, err := conn.Write(frame)
		return err
	})
	if err != nil {
		return fmt.Errorf("sending to %s, after %d points: %w", at, sent, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "penstock: sent %d points to %s\n", sent, at)
	return nil
}
