// Prints what kstatus makes of objects: one object as JSON per line in, one of Current, InProgress, Failed, Terminating
// per line out.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	// Not a Scanner: a status with its history may be longer than the longest line that one takes.
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return
		}
		if err != nil && !errors.Is(err, io.EOF) {
			fail(err)
		}
		object := &unstructured.Unstructured{}
		// Not encoding/json: generations would become floats, and kstatus takes whole numbers only.
		if err := object.UnmarshalJSON(line); err != nil {
			fail(err)
		}
		result, err := status.Compute(object)
		if err != nil {
			fail(err)
		}
		fmt.Println(result.Status)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kstatus:", err)
	os.Exit(1)
}
