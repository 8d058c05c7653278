"""Other engines behind the interface of ``model.requests.Engine``: same requests, same completions."""
