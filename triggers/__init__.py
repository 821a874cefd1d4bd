"""Every way in: who asks, what is asked, and how it is answered."""
