// Reads manifests as the API server does: every document has to be of a known kind, without unknown or doubled fields,
// and every pod has to be allowed in a namespace that enforces the restricted Pod Security Standard.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	security "k8s.io/pod-security-admission/api"
	standards "k8s.io/pod-security-admission/policy"
)

func podOf(object runtime.Object) *core.PodTemplateSpec {
	switch one := object.(type) {
	case *apps.Deployment:
		return &one.Spec.Template
	case *batch.CronJob:
		return &one.Spec.JobTemplate.Spec.Template
	}
	return nil
}

func check(decoder runtime.Decoder, evaluator standards.Evaluator, document []byte) (string, error) {
	object, kind, err := decoder.Decode(document, nil, nil)
	if err != nil {
		return "", err
	}
	if pod := podOf(object); pod != nil {
		restricted := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
		result := standards.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
		if !result.Allowed {
			return "", fmt.Errorf("%s is not restricted: %s", kind.Kind, result.ForbiddenDetail())
		}
	}
	return kind.Kind, nil
}

func checkFile(decoder runtime.Decoder, evaluator standards.Evaluator, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	kinds := []string{}
	for reader := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text))); ; {
		document := make([]byte, len(text)+1)
		n, err := reader.Read(document)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		kind, err := check(decoder, evaluator, document[:n])
		if err != nil {
			return fmt.Errorf("document %d: %w", len(kinds)+1, err)
		}
		kinds = append(kinds, kind)
	}
	fmt.Println(file, kinds)
	return nil
}

func main() {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, autoscaling.AddToScheme, batch.AddToScheme, core.AddToScheme, monitoring.AddToScheme,
		networking.AddToScheme, policy.AddToScheme, rbac.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	options := json.SerializerOptions{Yaml: true, Strict: true}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, options)
	evaluator, err := standards.NewEvaluator(standards.DefaultChecks(), nil)
	if err != nil {
		panic(err)
	}
	status := 0
	for _, file := range os.Args[1:] {
		if err := checkFile(decoder, evaluator, file); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			status = 1
		}
	}
	os.Exit(status)
}
