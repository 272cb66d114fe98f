// The etcd client of locksmith until 0.3, go-etcd, behind the interface of later versions.
package main

import (
	"errors"

	"github.com/coreos/etcd/Godeps/_workspace/src/golang.org/x/net/context"
	"github.com/coreos/etcd/client"
	"github.com/coreos/go-etcd/etcd"
)

type goEtcd struct{ *etcd.Client }

func (c goEtcd) Get(_ context.Context, key string, _ *client.GetOptions) (*client.Response, error) {
	return translated(c.Client.Get(key, false, false))
}

func (c goEtcd) Set(_ context.Context, key, value string, options *client.SetOptions) (*client.Response, error) {
	return translated(c.CompareAndSwap(key, value, 0, "", options.PrevIndex))
}

func (c goEtcd) Create(_ context.Context, key, value string) (*client.Response, error) {
	return translated(c.Client.Create(key, value, 0))
}

func translated(answer *etcd.Response, err error) (*client.Response, error) {
	var known *etcd.EtcdError
	if errors.As(err, &known) {
		return nil, client.Error{Code: known.ErrorCode, Message: known.Message, Cause: known.Cause, Index: known.Index}
	}
	if err != nil {
		return nil, err
	}
	return &client.Response{Node: &client.Node{Value: answer.Node.Value, ModifiedIndex: answer.Node.ModifiedIndex}}, nil
}
