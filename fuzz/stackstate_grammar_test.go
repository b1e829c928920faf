package fuzz

import (
	"bytes"
	"testing"

	"penstock/wire/stackstate"
)

// FuzzStackState_Grammar has the fuzzer choose among well-formed bodies, which its own mutations of text seldom are: parts and members,
// there or not, with values that fit and values that do not.
func FuzzStackState_Grammar(f *testing.F) {
	f.Add([]byte{0})
	f.Add(bytes.Repeat([]byte{0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89}, 20))
	f.Add(bytes.Repeat([]byte{1, 0, 0, 0, 2, 0, 4, 0, 0, 1}, 30))
	f.Fuzz(func(t *testing.T, choices []byte) {
		g := grammar{choices: choices}
		door := g.choose(3)
		g.expand([]string{"@common", `{"series":[@series,@series]}`, `[@check,@check]`}[door])
		format := []string{"", "ms"}[g.choose(2)]
		a := stackstatePOST([]string{stackstateIntake, stackstateSeries, stackstateChecks}[door], g.out, format, "")
		if err := check(stackstate.Format, a); err != nil {
			t.Fatalf("%s: %v", g.out, err)
		}
		if err := checkStackState(stackstate.Format, a); err != nil {
			t.Fatalf("%s: %v", g.out, err)
		}
	})
}

// stackstateWords is what a word may stand for. The first is right.
var stackstateWords = map[string][]string{
	"common": {`{"internalHostname":"h"@collected@metrics@events@checks@topologies@health}`,
		`{"x":@any@health@topologies@checks@events@metrics@collected,"internalHostname":@text}`},
	"collected":  {``, `,"collection_timestamp":@number`},
	"metrics":    {``, `,"metrics":[@metric]`, `,"metrics":[@metric,@metric,@metric]`, `,"metrics":@any`},
	"events":     {``, `,"events":{"e":[@event,@event],@name:[@event]}`, `,"events":{@name:[]}`, `,"events":@any`},
	"checks":     {``, `,"service_checks":[@check,@check]`, `,"service_checks":@any`},
	"topologies": {``, `,"topologies":[{"instance":{"type":@text,"url":@text}}]`, `,"topologies":[{},{"instance":@any}]`, `,"topologies":@any`},
	"health":     {``, `,"health":[@message,@message]`, `,"health":@any`},

	"metric":   {`["m",@number,@number,{}]`, `[@name,@number,@number,{"type":@text,"hostname":@text,"tags":@tags,"device_name":@text}]`, `["m",1,2]`, `["m",1,2,{},3]`, `@any`},
	"series":   {`{"metric":"m","points":[@point,@point]}`, `{"host":@text,"points":[@point],"metric":@name,"device":@text,"type":@text,"tags":@tags,"source_type_name":@text}`, `{"metric":"m"}`, `@any`},
	"point":    {`[1,2]`, `[@number,@number]`, `[1]`, `[1,2,3]`, `@any`},
	"event":    {`{"timestamp":1}`, `{"msg_title":@text,"timestamp":@number,"tags":@tags,"host":@text,"source_type_name":@text,"context":@any,"priority":@any,"event_type":@any}`, `{"msg_text":@text}`, `@any`},
	"check":    {`{"check":"c","status":0}`, `{"status":@status,"check":@name,"timestamp":@number,"message":@text,"host_name":@text,"tags":@tags}`, `{"check":"c"}`, `@any`},
	"message":  {`{"stream":@stream}`, `{"check_states":[@state,@state],"stream":@stream,"consistency_model":@model,"start_snapshot":@interval,"expiry":@interval,"increment":@increment}`, `@any`},
	"stream":   {`{"urn":"urn:health:a:b"}`, `{"sub_stream_id":@text,"urn":"urn:health:a:b"}`, `{"urn":"urn:health:a"}`, `{"urn":@any}`, `@any`},
	"model":    {`"REPEAT_SNAPSHOTS"`, `"repeat_states"`, `"Transactional_Increments"`, `@any`},
	"interval": {`null`, `{"repeat_interval_s":1800,"expiry_interval_s":1}`, `{"repeat_interval_s":1800.1}`, `{"repeat_interval_s":@number,"expiry_interval_s":@number}`, `{"expiry_interval_s":@any}`, `@any`},

	"increment": {`{"checkpoint":{"offset":5}}`, `{"checkpoint":{"offset":@any}}`, `{"checkpoint":@any}`, `@any`},
	"state":     {`{"checkStateId":"a","health":"clear"}`, `{"delete":@any,"checkStateId":"a"}`, `{"health":@any,"checkStateId":@any}`, `{"checkStateId":"a","health":"DEVIATING","delete":@any}`, `@any`},

	"name":   {`"n"`, `"host.x"`, `"titled"`, `"values"`, `""`, `"timeReceived"`, `"n\u0061me"`, `@any`},
	"text":   {`"t"`, `""`, `null`, `"\u00e9\n"`, `@any`},
	"tags":   {`[]`, `["a:1","b","a:0","a:1","c:x:y"]`, `["a","a:","device:d"]`, `[":v",""]`, `["\u0061\u003ab"]`, `[@any]`, `@any`},
	"number": {`1`, `0.5`, `-1.0`, `1548857152.1239`, `1e30`, `1e309`, `1.7976931348623157e308`, `-2e308`, `1e-400`, `9223372036854775.807`, `9223372036854775.808`, `@any`},
	"status": {`1`, `3`, `4`, `-0`, `1.0`, `00`, `@any`},
	"any":    {`null`, `true`, `false`, `7`, `"x"`, `[]`, `{}`, `[[1]]`, `{"a":{"b":[]}}`},
}

// expand writes a text, each word in it replaced by one of what it may stand for.
func (g *grammar) expand(text string) {
	for at := 0; at < len(text); {
		if text[at] != '@' {
			g.out = append(g.out, text[at])
			at++
			continue
		}
		end := at + 1
		for end < len(text) && text[end] >= 'a' && text[end] <= 'z' {
			end++
		}
		choices := stackstateWords[text[at+1:end]]
		g.expand(choices[g.choose(len(choices))])
		at = end
	}
}
