// A runner for Loads in Go: docs/external-runners.md is all it knows.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/go-zeromq/zmq4"
)

type message map[string]any

type runner struct {
	socket zmq4.Socket
	url    string
	common message
}

func number(name string) float64 {
	value, _ := strconv.ParseFloat(os.Getenv(name), 64)
	return value
}

func (r *runner) send(kind string, more ...message) {
	all := message{
		"data_type": kind,
		"run_id":    os.Getenv("LOADS_RUN_ID"),
		"agent_id":  os.Getenv("LOADS_AGENT_ID"),
	}
	for _, part := range append([]message{r.common}, more...) {
		for key, value := range part {
			all[key] = value
		}
	}
	text, err := json.Marshal(all)
	if err == nil {
		err = r.socket.Send(zmq4.NewMsg(text))
	}
	if err != nil {
		log.Fatalf("sending %s: %v", kind, err)
	}
}

func (r *runner) request() error {
	begun := time.Now()
	response, err := http.Get(r.url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	r.send("add_hit", message{
		"url": r.url, "method": "GET", "status": response.StatusCode,
		"started": begun.UTC().Format("2006-01-02T15:04:05.000000"),
		"elapsed": time.Since(begun).Seconds(),
	})
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

func (r *runner) execute() {
	r.send("startTest")
	if err := r.request(); err != nil {
		r.send("addFailure", message{"exc_info": []string{fmt.Sprintf("%T", err), err.Error(), ""}})
	} else {
		r.send("incr_counter", message{"name": "visits"})
		r.send("addSuccess")
	}
	r.send("stopTest")
}

func main() {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	socket := zmq4.NewPush(context.Background())
	if err := socket.Dial(os.Getenv("LOADS_ZMQ_RECEIVER")); err != nil {
		log.Fatalf("connecting: %v", err)
	}
	duration, hits := number("LOADS_DURATION"), number("LOADS_TOTAL_HITS")
	users, user := number("LOADS_TOTAL_USERS"), number("LOADS_CURRENT_USER")
	r := runner{socket: socket, url: os.Getenv("LOADS_SERVER_URL")}
	begin := time.Now()
	for hit := 1.0; stop.Err() == nil; hit++ {
		if duration > 0 && time.Since(begin).Seconds() >= duration || duration == 0 && hit > hits {
			break
		}
		r.common = message{"test": os.Args[1], "loads_status": []float64{hits, users, hit, user}}
		r.execute()
	}
	// Send returns when the frame is written to the connection, so nothing lingers here.
	if err := socket.Close(); err != nil {
		log.Fatalf("closing: %v", err)
	}
}
