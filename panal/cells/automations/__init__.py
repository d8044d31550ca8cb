"""When this happens, if that holds, then do: the only place that may know two capabilities."""
