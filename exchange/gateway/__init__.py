"""The venue on the wire: a JSON-RPC dialect over websocket and HTTP. It shapes and throttles; it decides nothing."""
