// A D-Bus system bus for one machine: a locksmithd at a time talks to it, and it is update_engine and logind as well.
//
//	bus SOCKET
//
// A line on stdin: update_engine needs a reboot from now on; `up` after that: the machine came up again, which is repeated on
// stdout. Each call to reboot is a line there, too.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

type bus struct {
	mutex     sync.Mutex
	serial    uint32
	status    string
	listeners map[net.Conn]bool
}

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	it := &bus{status: "UPDATE_STATUS_IDLE", listeners: map[net.Conn]bool{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go it.serve(conn)
		}
	}()
	fmt.Println("listening")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if lines.Text() == "up" {
			it.set("UPDATE_STATUS_IDLE")
			fmt.Println("up")
		} else {
			it.set("UPDATE_STATUS_UPDATED_NEED_REBOOT")
		}
	}
}

// serve speaks with one client, which has two connections: one for each of the two services.
func (it *bus) serve(conn net.Conn) {
	defer conn.Close()
	defer it.forget(conn)
	in := bufio.NewReader(conn)
	if !authenticate(conn, in) {
		return
	}
	for {
		message, err := dbus.DecodeMessage(in)
		if err != nil {
			return
		}
		it.mutex.Lock()
		it.answer(conn, message)
		it.mutex.Unlock()
	}
}

func authenticate(conn io.Writer, in *bufio.Reader) bool {
	for {
		line, err := in.ReadString('\n')
		words := strings.Fields(strings.TrimPrefix(line, "\x00"))
		switch {
		case err != nil || len(words) == 0:
			return false
		case words[0] == "BEGIN":
			return true
		case words[0] == "AUTH" && len(words) == 1:
			fmt.Fprint(conn, "REJECTED EXTERNAL\r\n")
		case words[0] == "AUTH":
			fmt.Fprint(conn, "OK 0123456789abcdef0123456789abcdef\r\n")
		default:
			fmt.Fprint(conn, "ERROR\r\n")
		}
	}
}

func (it *bus) answer(conn net.Conn, message *dbus.Message) {
	switch message.Headers[dbus.FieldMember].Value() {
	case "Hello":
		it.reply(conn, message, "s", ":1.1")
	case "AddMatch":
		it.listeners[conn] = true
		it.reply(conn, message, "")
	case "GetStatus":
		it.reply(conn, message, "xdssx", it.body()...)
	case "Reboot":
		it.reply(conn, message, "")
		fmt.Println("reboot")
	default:
		fmt.Fprintln(os.Stderr, "unknown:", message)
	}
}

func (it *bus) body() []interface{} { return []interface{}{int64(0), 0.0, it.status, "2.0.0", int64(1)} }

func (it *bus) set(status string) {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	it.status = status
	for conn := range it.listeners {
		it.send(conn, dbus.TypeSignal, "xdssx", map[dbus.HeaderField]interface{}{
			dbus.FieldPath:      dbus.ObjectPath("/com/coreos/update1"),
			dbus.FieldInterface: "com.coreos.update1.Manager",
			dbus.FieldMember:    "StatusUpdate",
			dbus.FieldSender:    ":1.2",
		}, it.body()...)
	}
}

func (it *bus) forget(conn net.Conn) {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	delete(it.listeners, conn)
}

func (it *bus) reply(conn net.Conn, to *dbus.Message, signature string, body ...interface{}) {
	headers := map[dbus.HeaderField]interface{}{dbus.FieldReplySerial: to.Serial(), dbus.FieldSender: ":1.2"}
	it.send(conn, dbus.TypeMethodReply, signature, headers, body...)
}

func (it *bus) send(conn net.Conn, kind dbus.Type, signature string, headers map[dbus.HeaderField]interface{}, body ...interface{}) {
	message := &dbus.Message{Type: kind, Headers: map[dbus.HeaderField]dbus.Variant{}, Body: body}
	for field, value := range headers {
		message.Headers[field] = dbus.MakeVariant(value)
	}
	if signature != "" {
		message.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.ParseSignatureMust(signature))
	}
	var bytes bytes.Buffer
	if err := message.EncodeTo(&bytes, binary.LittleEndian); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// The library leaves the number of the message to its own connections.
	it.serial++
	binary.LittleEndian.PutUint32(bytes.Bytes()[8:], it.serial)
	conn.Write(bytes.Bytes())
}
