"""Other engines behind the interface of ``model.requests.Backend``: same requests, same completions."""
