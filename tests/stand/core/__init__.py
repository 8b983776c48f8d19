"""What every part of the stand needs: a cache, free ports, processes, an orderly end."""
